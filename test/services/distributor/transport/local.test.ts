/** Files on the distributor's own host: by root as an account, by the account itself, by nobody else, and with every promise kept. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { askLocally } from '../../../../services/distributor/transport/local.ts'
import { readId } from '../../../../services/distributor/transport/local-account.ts'
import type { PushMeans } from '../../../../services/distributor/transport/push.ts'
import { makeEntry } from '../../../support/entry.ts'
import { leftOvers, stickyDirectory, tokenFiles, wrapProgram } from './place-here.ts'
import { pushAs } from './push-locally.ts'

/** An account that every Debian and EL has, whose group has another number. */
const account = 'games'
const { uid = 0, gid = 0 } = readId(execFileSync('id', [account], { encoding: 'utf8' })) ?? {}
assert.notEqual(uid, 0)

interface Pushing {
  readonly as?: number
  readonly account?: string
  readonly uid?: number
  readonly token?: string
  /** Directories in front of PATH. */
  readonly path?: string
}

function start(directory: string, options: Pushing = {}): ChildProcess & { readonly said: Promise<string> } {
  const words = [
    options.as ?? 0,
    options.account ?? account,
    options.uid ?? uid,
    directory,
    options.token ?? 'hvs.new',
  ]
  const program = new URL('./push-locally.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [program, ...words.map(String)], {
    env: {
      PATH: [options.path, process.env.PATH].filter(Boolean).join(':'),
      HTTPS_PROXY: 'http://user:password-of-a-proxy@proxy.example',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return Object.assign(child, { said: text(child.stdout) })
}
/** In this process where it can be. */
async function push(directory: string, options: Pushing = {}): Promise<string> {
  if (options.as || options.path) return (await start(directory, options).said).trim()
  return pushAs(options.account ?? account, options.uid ?? uid, directory, options.token ?? 'hvs.new')
}

const contentsOf = (directory: string) =>
  tokenFiles(directory).map(({ path }) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined))

describe('pushing by transport local', () => {
  for (const [who, as] of [
    ['root', 0],
    ['the account itself', uid],
  ] as const)
    it(`puts both files there as the account, by ${who}`, async (t) => {
      const directory = stickyDirectory(t)
      assert.equal(await push(directory, { as, token: 'hvs.old' }), 'placed')
      assert.equal(await push(directory, { as }), 'placed')
      assert.deepEqual(contentsOf(directory), ['hvs.new\n', 'hvs.new\n'])
      for (const { path } of tokenFiles(directory)) {
        const found = lstatSync(path)
        assert.deepEqual([found.mode & 0o7777, found.uid], [0o400, uid])
        if (as === 0) assert.equal(found.gid, gid, 'its primary group, not root’s')
      }
      assert.deepEqual(leftOvers(directory), [])
    })

  it('writes nothing as another user, and says who has to change what', async (t) => {
    const directory = stickyDirectory(t)
    assert.match(
      await push(directory, { as: uid + 1 }),
      /^account-not-ours: No token of dune_production on here: the distributor runs as UID \d+ and cannot write as games \(\d+\)\.$/,
    )
    assert.deepEqual(readdirSync(directory), [])
  })

  it('writes nothing where the account has another UID', async (t) => {
    const directory = stickyDirectory(t)
    for (const as of [0, 4711])
      assert.equal(
        await push(directory, { as, uid: 4711 }),
        `wrong-owner: games has UID ${uid} on here, not 4711: nothing was written.`,
      )
    assert.deepEqual(readdirSync(directory), [])
  })

  it('says of an account that this host does not know that it does not', async (t) => {
    assert.equal(
      await push(stickyDirectory(t), { account: 'no.such.account' }),
      'account-unknown: No token of dune_production on here: this host knows no account no.such.account.',
    )
  })

  it('says which UID an account has here, and gives none to root', async () => {
    const ask = (name: string) => {
      const entry = makeEntry({ account: name, transport: 'local' })
      const limits = { timeoutMs: 20_000, signal: AbortSignal.timeout(60_000) }
      return askLocally({ entry, node: 'here' }, limits as PushMeans)
    }
    assert.equal(await ask(account), uid)
    await assert.rejects(ask('root'), /root is root on here: nothing was written/)
    await assert.rejects(ask('no.such.account'), /this host knows no account no\.such\.account/)
  })

  it('follows no link and replaces nobody’s file, though root may', async (t) => {
    const directory = stickyDirectory(t)
    const [first, second] = tokenFiles(directory)
    const elsewhere = join(directory, '..', 'elsewhere')
    writeFileSync(elsewhere, 'precious')
    symlinkSync(elsewhere, first.path)
    writeFileSync(second.path, 'of root')
    assert.match(await push(directory), /^destination-squatted: Somebody else holds \S+ on here \(games\)/)
    assert.equal(readFileSync(elsewhere, 'utf8'), 'precious')
    assert.equal(readFileSync(second.path, 'utf8'), 'of root')
  })

  const directories: Record<string, [prepare: (path: string) => void, code: string]> = {
    'is not there': [() => undefined, 'destination-missing'],
    'belongs to somebody else': [
      (path) => execFileSync('install', ['-d', '-m', '777', '-o', 'daemon', path]),
      'destination-unsafe',
    ],
    'is root’s alone': [(path) => mkdirSync(path, { mode: 0o755 }), 'destination-unwritable'],
    'is closed to the account': [(path) => mkdirSync(path, { mode: 0o700 }), 'destination-unwritable'],
  }
  for (const [what, [prepare, code]] of Object.entries(directories))
    it(`says ${code} where the directory ${what}`, async (t) => {
      const directory = join(stickyDirectory(t), 'sub')
      prepare(directory)
      assert.match(await push(directory), new RegExp(`^${code}: `))
    })

  it('shows the account nothing of the distributor’s environment', async (t) => {
    const directory = stickyDirectory(t)
    const seen = join(directory, 'seen')
    writeFileSync(seen, '')
    chmodSync(seen, 0o666)
    const path = wrapProgram(t, 'stat', `/bin/cat /proc/self/environ </dev/null >>${seen}`)
    assert.equal(await push(directory, { path }), 'placed')
    assert.match(readFileSync(seen, 'utf8'), /PATH=/)
    assert.doesNotMatch(readFileSync(seen, 'utf8'), /proxy/i)
  })

  for (const as of [0, uid])
    it(`ends with a distributor that is killed, as user ${as}: what is in place is whole, and nothing is left`, async (t) => {
      const directory = stickyDirectory(t)
      assert.equal(await push(directory, { token: 'hvs.old' }), 'placed')
      const held = holdMoves(t)
      const pusher = start(directory, { as, path: held.path })
      await until(() => existsSync(held.reached))
      pusher.kill('SIGKILL')
      await pusher.said
      writeFileSync(held.go, '')
      await until(() => leftOvers(directory).length === 0)
      assert.deepEqual(
        contentsOf(directory),
        ['hvs.new\n', 'hvs.old\n'],
        'the move that was under way, and no other',
      )
    })
})

/** An mv that says that it was reached, and waits. */
function holdMoves(t: TestContext) {
  const directory = stickyDirectory(t)
  const [reached, go] = [join(directory, 'reached'), join(directory, 'go')]
  const path = wrapProgram(t, 'mv', `: >${reached}; until [ -e ${go} ]; do sleep 0.02; done`)
  return { path, reached, go }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(20)
}
