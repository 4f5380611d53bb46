import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { killProcessesWith } from '../../../../services/storer/exclusive/orphans.ts'
import { keptToken, openStaging } from '../../../../services/storer/private-run/stage.ts'
import { entryOf } from '../../build.ts'

const credd = 'credd1.lab.example'

function place(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'mt-staging-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const entry = { ...entryOf(), vaultTokenRoot: join(directory, 'kept') }
  const runs = join(directory, 'runs')
  return { entry, runs, kept: keptToken(entry, credd), staging: openStaging(runs) }
}
const stagedOf = (id: string) => join('/tmp', `vt_${id}-dune_production`)
/** The run's own directory in /tmp. */
const placeOf = (id: string) => join('/tmp', `vt_${id.split('/')[0]}`)
const inTmp = (id: string) => (existsSync(placeOf(id)) ? readdirSync(placeOf(id)) : [])
const modeOf = (file: string) => lstatSync(file).mode & 0o777

function keep(file: string, content: string, mode = 0o600) {
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, content)
  chmodSync(file, mode)
}

describe('staging a storer run', () => {
  it('keeps tokens under the predecessor’s name, with this process’s uid', (t) => {
    const { entry, kept } = place(t)
    assert.equal(kept, join(entry.vaultTokenRoot, `vt_u${process.getuid?.()}-${credd}-dune_production`))
  })

  for (const mode of [0o600, 0o400, 0o644])
    it(`stages a kept token of mode ${mode.toString(8)} writable, for nobody else`, async (t) => {
      const { entry, kept, staging } = place(t)
      keep(kept, 'hvs.kept\n', mode)
      await using stage = await staging.stage(entry, credd)
      assert.equal(readFileSync(stagedOf(stage.id), 'utf8'), 'hvs.kept\n')
      assert.equal(modeOf(stagedOf(stage.id)), 0o600)
      assert.equal(modeOf(stage.home), 0o700)
    })

  it('stages nothing the first time, and names each run otherwise', async (t) => {
    const { entry, staging } = place(t)
    await using first = await staging.stage(entry, credd)
    await using second = await staging.stage(entry, credd)
    assert.ok(!existsSync(stagedOf(first.id)))
    assert.notEqual(first.id, second.id)
    assert.notEqual(first.bearerFile, second.bearerFile)
  })

  it('takes the new token back, 0600, and leaves nothing in /tmp nor a home', async (t) => {
    const { entry, kept, runs, staging } = place(t)
    keep(kept, 'hvs.old\n', 0o400)
    let id: string
    {
      await using stage = await staging.stage(entry, credd)
      id = stage.id
      writeFileSync(stagedOf(id), 'hvs.new\n')
      for (const name of [`vt_${id}`, `vt_${id}.abcd`]) writeFileSync(join('/tmp', name), 'x')
      writeFileSync(join(placeOf(id), '.htgettokenabc'), 'unfinished')
      writeFileSync(join(stage.home, 'bt_tmp.1234567890'), 'x')
      await stage.takeBack()
    }
    assert.equal(readFileSync(kept, 'utf8'), 'hvs.new\n')
    assert.equal(modeOf(kept), 0o600)
    assert.deepEqual(inTmp(id), [])
    assert.deepEqual(readdirSync(runs), [])
    assert.deepEqual(readdirSync(entry.vaultTokenRoot).length, 1, 'no temporary file is left beside it')
  })

  it('keeps the old token when the run is not taken back', async (t) => {
    const { entry, kept, staging } = place(t)
    keep(kept, 'hvs.old\n')
    {
      await using stage = await staging.stage(entry, credd)
      writeFileSync(stagedOf(stage.id), 'hvs.new\n')
    }
    assert.equal(readFileSync(kept, 'utf8'), 'hvs.old\n')
  })

  it('forgets a token that is not what it should be', async (t) => {
    const { entry, kept, staging } = place(t)
    keep(kept, 'hvs.old\n')
    await using stage = await staging.stage(entry, credd)
    await stage.discard()
    assert.ok(!existsSync(kept))
  })

  const unfit: Record<string, (path: string) => void> = {
    'an empty file': (path) => writeFileSync(path, ''),
    'a link': (path) => {
      rmSync(path, { force: true })
      symlinkSync('/etc/passwd', path)
    },
    nothing: (path) => rmSync(path, { force: true }),
    'a directory': (path) => {
      rmSync(path, { force: true })
      mkdirSync(path)
    },
  }
  for (const [what, leave] of Object.entries(unfit))
    it(`does not take back ${what}`, async (t) => {
      const { entry, kept, staging } = place(t)
      keep(kept, 'hvs.old\n')
      await using stage = await staging.stage(entry, credd)
      t.after(() => rmSync(stagedOf(stage.id), { recursive: true, force: true }))
      leave(stagedOf(stage.id))
      await stage.takeBack()
      assert.equal(readFileSync(kept, 'utf8'), 'hvs.old\n')
    })

  it('says what stands in the way when the files cannot be made, and leaves nothing', async (t) => {
    const { entry, runs, staging } = place(t)
    writeFileSync(entry.vaultTokenRoot, 'a file where the directory should be')
    await assert.rejects(staging.stage(entry, credd), { name: 'Transient', message: /EEXIST|ENOTDIR/ })
    assert.deepEqual(readdirSync(runs), [])
  })

  it('touches nothing that another’s htgettoken has in /tmp, however old, whatever becomes of a run', async (t) => {
    const { entry, runs, staging } = place(t)
    const tag = `.htgettoken${process.pid}`
    const files = [`/tmp/${tag}-old`, `/tmp/${tag}-young`, `/tmp/${tag}-younger`]
    t.after(() => files.forEach((file) => void rmSync(file, { force: true })))
    const [old = '', young = '', younger = ''] = files
    const hourAgo = Date.now() / 1_000 - 3_600
    writeFileSync(old, 'hvs.left')
    utimesSync(old, hourAgo, hourAgo)
    writeFileSync(young, 'hvs.young')
    const ended = await staging.stage(entry, credd)
    await staging.stage(entry, credd)
    writeFileSync(younger, 'hvs.younger')
    await ended.leave(false)
    await ended[Symbol.asyncDispose]()
    await openStaging(runs).recover()
    assert.deepEqual(
      files.map((file) => existsSync(file)),
      [true, true, true],
    )
  })
})

describe('after a storer daemon was killed', () => {
  it('its storer is ended, its new token kept, and /tmp is clean', async (t) => {
    const { entry, kept, runs, staging } = place(t)
    keep(kept, 'hvs.old\n')
    const { id } = await staging.stage(entry, credd)
    writeFileSync(stagedOf(id), 'hvs.new\n')
    writeFileSync(join(placeOf(id), '.htgettokenabc'), 'unfinished')
    const storer = spawn('sh', ['-c', 'sleep 300 & wait'], {
      env: { PATH: '/usr/bin:/bin', CONDOR_VAULT_STORER_ID: id },
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    // Both hold the pipe: its end means that both are gone.
    const gone = once(storer.stdout.resume(), 'close')
    await once(storer, 'spawn')

    await openStaging(runs).recover()
    await gone
    assert.equal(readFileSync(kept, 'utf8'), 'hvs.new\n')
    assert.deepEqual(inTmp(id), [])
    assert.deepEqual(readdirSync(runs), [])
  })

  it('what it was writing beside the kept tokens is removed, and nothing that somebody alive writes there', async (t) => {
    const { entry, kept, runs, staging } = place(t)
    keep(kept, 'hvs.old\n')
    await staging.stage(entry, credd)
    const dead = spawnSync('true').pid
    const unfinished = (pid: number) => join(kept, '..', `.0123456789abcdef.${pid}.tmp`)
    for (const pid of [dead, process.ppid]) writeFileSync(unfinished(pid), 'hvs.half')
    await openStaging(runs).recover()
    assert.deepEqual([existsSync(unfinished(dead)), existsSync(unfinished(process.ppid))], [false, true])
    assert.equal(readFileSync(kept, 'utf8'), 'hvs.old\n')
  })

  it('nothing happens where nothing was left, and a run that left no note is cleaned all the same', async (t) => {
    const { runs, staging } = place(t)
    await staging.recover()
    mkdirSync(join(runs, 'mt0123456789abcdef'))
    await staging.recover()
    assert.deepEqual(readdirSync(runs), [])
  })
})

describe('finding orphans', () => {
  it('ends those with exactly this variable, and nobody else', async () => {
    const id = `mt${process.pid}x`
    const start = (name: string, value: string) =>
      spawn('sleep', ['300'], { env: { PATH: '/usr/bin:/bin', [name]: value }, stdio: 'ignore' })
    const meant = start('CONDOR_VAULT_STORER_ID', id)
    const others = [
      start('CONDOR_VAULT_STORER_ID', `${id}2`),
      start('OTHER_CONDOR_VAULT_STORER_ID', id),
      start('X', `y CONDOR_VAULT_STORER_ID=${id}`),
    ]
    await Promise.all([meant, ...others].map((child) => once(child, 'spawn')))
    const ended = once(meant, 'exit')
    assert.equal(await killProcessesWith(`CONDOR_VAULT_STORER_ID=${id}`), 1)
    assert.deepEqual(await ended, [null, 'SIGKILL'])
    for (const other of others) assert.equal(other.exitCode ?? other.signalCode, null)
    const gone = others.map((other) => once(other, 'exit'))
    for (const other of others) other.kill('SIGKILL')
    await Promise.all(gone)
  })
})
