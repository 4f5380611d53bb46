/** Bearer tokens as they lie on a node, at the door of a real XRootD: what they open, and what stays shut. */
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { entryName } from '../../sandbox/entry.ts'
import { nodeTmp } from '../../sandbox/layout.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'
import { installPackages } from './support/real-programs.ts'
import {
  curl as ask,
  type Client,
  clientsOn,
  type Door,
  startDoor,
  statusOf as status,
  xrootdPackages,
} from './support/xrootd-door.ts'

const uid = 46_301
const doorAudience = 'https://door.sandbox.test'
const audience = [doorAudience]
const bearers = {
  reads: { scopes: ['storage.read:/nova'], audience },
  writes: { scopes: ['storage.read:/nova', 'storage.modify:/nova/out'], audience, purpose: 'writes' },
  elsewhere: {
    scopes: ['storage.read:/nova', 'storage.modify:/nova'],
    audience: ['https://elsewhere.sandbox.test'],
    purpose: 'elsewhere',
  },
  slash: { scopes: ['storage.read:/nova/'], audience, purpose: 'slash' },
} as const
type Bearer = keyof typeof bearers
const fileOf = (name: Bearer) => `/tmp/bt_u${uid}${name === 'reads' ? '' : `-${name}`}`

const entries = defaultEntries
  .filter((entry) => entryName(entry) === 'nova_analysis')
  .map((entry) => ({ ...entry, deliver: Object.values(bearers).map((bearer) => ({ bearer })) }))
const [node = ''] = entries[0]?.nodes ?? []

describe('a bearer token on a node, at the door of an XRootD', { timeout: 3_600_000 }, () => {
  const stack = new AsyncDisposableStack()
  let pipe: Pipeline
  let door: Door
  let run: Client

  before(async () => {
    installPackages(xrootdPackages)
    const { path: dir } = stack.use(await makeDirectory())
    pipe = stack.use(await startPipeline({ dir, entries }))
    const { layout } = pipe.site
    const { totals } = await pipe.finish((await pipe.startRun({})).run)
    assert.equal(totals.failed, 0)
    run = clientsOn(layout, node, uid)
    // Not below the site's directory, which is closed to others.
    const doorDir = await mkdtemp('/tmp/mt-door-')
    stack.defer(() => rm(doorDir, { recursive: true, force: true }))
    door = stack.use(
      await startDoor({
        dir: doorDir,
        layout,
        issuer: issuerOf(readFileSync(join(nodeTmp(layout, node), `bt_u${uid}`), 'utf8')),
        audience: doorAudience,
        files: {
          'nova/data': 'of nova\n',
          'nova-private/data': 'private\n',
          'dune/data': 'of dune\n',
          'nova/out/old': 'old\n',
        },
      }),
    )
  })
  after(() => stack.disposeAsync())

  const issuerOf = (token: string) =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).iss as string

  const curl = (bearer: Bearer | undefined, path: string, ...options: string[]) =>
    ask(run, bearer && fileOf(bearer), `${door.https}${path}`, ...options)
  /** Sends what `source`, a file of the node, holds. */
  const put = (bearer: Bearer | undefined, path: string) =>
    curl(bearer, path, '--upload-file', '/etc/debian_version').then(status)
  const xrdcp = (path: string, env: Record<string, string>) =>
    run(['xrdcp', '--silent', '--force', `${door.roots}${path}`, '-'], env)

  it('opens what it may read, and is the account’s alone', async () => {
    const { mode, uid: owner } = statSync(join(nodeTmp(pipe.site.layout, node), `bt_u${uid}`))
    assert.deepEqual({ mode: mode & 0o777, owner }, { mode: 0o400, owner: uid })
    assert.equal((await curl('reads', '/nova/data')).stdout, 'of nova\n\n200')
  })

  it('opens nothing of another experiment, and nothing without it', async () => {
    assert.equal(status(await curl('reads', '/dune/data')), '403')
    assert.equal(status(await curl(undefined, '/nova/data')), '403')
  })

  it('with storage.read writes nothing, neither over a file nor beside it', async () => {
    assert.equal(await put('reads', '/nova/out/old'), '403')
    assert.equal(await put('reads', '/nova/out/new'), '403')
    assert.equal(await put(undefined, '/nova/out/new'), '403')
    assert.equal((await curl('reads', '/nova/out/old')).stdout, 'old\n\n200')
  })

  it('with storage.modify writes below its path and nowhere else', async () => {
    assert.equal(await put('writes', '/nova/out/new'), '200')
    const written = (await run(['cat', '/etc/debian_version'])).stdout
    assert.equal((await curl('reads', '/nova/out/new')).stdout, `${written}\n200`)
    assert.equal(await put('writes', '/nova/other'), '403')
    assert.equal(await put('writes', '/dune/new'), '403')
  })

  it('for another audience opens nothing', async () => {
    assert.equal(status(await curl('elsewhere', '/nova/data')), '403')
    assert.equal(await put('elsewhere', '/nova/out/elsewhere'), '403')
  })

  it('opens every name that begins like its path, in this release, with or without a slash at the end', async () => {
    assert.equal((await curl('slash', '/nova/data')).stdout, 'of nova\n\n200')
    for (const name of ['reads', 'slash'] as const)
      assert.equal((await curl(name, '/nova-private/data')).stdout, 'private\n\n200')
  })

  it('is found by xrdcp where BEARER_TOKEN_FILE names it, and not by itself in this release', async () => {
    const named = { BEARER_TOKEN_FILE: fileOf('reads') }
    assert.deepEqual(await xrdcp('/nova/data', named), { exitCode: 0, stdout: 'of nova\n', stderr: '' })
    assert.match((await xrdcp('/dune/data', named)).stderr, /permission denied/i)
    assert.match((await xrdcp('/nova/data', {})).stderr, /Auth failed: No protocols left to try/)
  })

  it('is refused by xrdcp in a file that others may read', async () => {
    const copy = `umask 022; cat ${fileOf('reads')} >/tmp/readable && exec "$@"`
    const { stderr } = await run(
      ['sh', '-c', copy, 'sh', 'xrdcp', '--silent', `${door.roots}/nova/data`, '-'],
      { BEARER_TOKEN_FILE: '/tmp/readable' },
    )
    assert.match(stderr, /Auth failed: No protocols left to try/)
  })
})
