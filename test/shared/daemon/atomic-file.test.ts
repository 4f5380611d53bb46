import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { removeUnfinished, writeFileAtomic } from '../../../shared/daemon/atomic-file.ts'

describe('files written whole', () => {
  let directory = ''
  let file = ''
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mt-atomic-'))
    file = join(directory, 'token')
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  it('are never absent, empty or torn to one who reads all the time', async () => {
    const sizes = [100, 200_000]
    const contentOf = (index: number) => String(index % 10).repeat(sizes[index % 2] ?? 0)
    await writeFileAtomic(file, contentOf(0))
    // A process of its own, because two in one would only take turns.
    const reader = spawn(process.execPath, ['-e', readerProgram, file], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let said = ''
    reader.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk
    })
    await once(reader.stdout, 'data')
    for (let index = 1; index <= 300; index++) await writeFileAtomic(file, contentOf(index))
    reader.stdin.end()
    await once(reader, 'close')
    const { reads, wrong } = JSON.parse(said.replace('reading', '')) as { reads: number; wrong: string[] }
    assert.deepEqual(wrong, [])
    assert.ok(reads > 100, `${reads} reads`)
  })

  it('are readable by their owner alone unless another mode is asked for, whatever the umask', async () => {
    const before = process.umask(0o077)
    try {
      await writeFileAtomic(file, 'x')
      assert.equal((await stat(file)).mode & 0o777, 0o600)
      await writeFileAtomic(file, 'x', 0o644)
      assert.equal((await stat(file)).mode & 0o777, 0o644)
    } finally {
      process.umask(before)
    }
  })

  it('leave the old file and nothing else behind when they cannot be written', async () => {
    await writeFileAtomic(file, 'old')
    const content = { toString: () => assert.fail() } as unknown as string
    await assert.rejects(writeFileAtomic(file, content))
    assert.equal(await readFile(file, 'utf8'), 'old')
    assert.deepEqual(await readdir(directory), ['token'])
  })

  it('leave a directory that has the name alone', async () => {
    await mkdir(join(file, 'inside'), { recursive: true })
    await assert.rejects(writeFileAtomic(file, 'x'), { code: /EISDIR|ENOTEMPTY|EEXIST/ })
    assert.deepEqual(await readdir(directory), ['token'])
  })

  it('take the place of a link and do not follow it', async () => {
    const elsewhere = join(directory, 'elsewhere')
    await writeFile(elsewhere, 'untouched')
    await symlink(elsewhere, file)
    await writeFileAtomic(file, 'new')
    assert.equal(await readFile(elsewhere, 'utf8'), 'untouched')
    assert.equal(await readFile(file, 'utf8'), 'new')
  })

  it('of killed writers are removed half written, also where a writer had our number, and nobody else’s are', async () => {
    const dead = spawnSync('true').pid
    const names = [dead, process.pid, process.ppid].map((pid) => `.0123456789abcdef.${pid}.tmp`)
    for (const name of [...names, '.tmp', `.notes.${dead}.tmp`])
      await writeFile(join(directory, name), 'half')
    await Promise.all([writeFileAtomic(file, 'x'.repeat(200_000)), removeUnfinished(directory)])
    assert.deepEqual(
      (await readdir(directory)).sort(),
      [names[2], `.notes.${dead}.tmp`, '.tmp', 'token'].sort(),
    )
    await removeUnfinished(join(directory, 'absent'))
  })
})

const readerProgram = `
const { readFileSync } = require('node:fs')
let reads = 0
const wrong = new Set()
let reading = true
process.stdin.on('close', () => { reading = false }).resume()
process.stdout.write('reading')
const look = () => {
  for (let round = 0; round < 50; round++) {
    try {
      const text = readFileSync(process.argv[1], 'utf8')
      reads++
      if (!/^(\\d)\\1*$/.test(text) || ![100, 200000].includes(text.length)) wrong.add('torn: ' + text.length)
    } catch (error) {
      wrong.add(error.code)
    }
  }
  if (reading) setImmediate(look)
  else process.stdout.write(JSON.stringify({ reads, wrong: [...wrong] }))
}
look()
`
