/** Storing directly, in lanes, into real credds of HTCondor: what lies there afterwards, what they say, and what we make of it. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { readCalls } from '../../sandbox/calls.ts'
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { creddsOf, principalOf, serviceName } from '../../sandbox/entry.ts'
import { type Faults, writeFaults } from '../../sandbox/faults.ts'
import { hold, release, waitHeld } from '../../sandbox/hold.ts'
import { layoutOf } from '../../sandbox/layout.ts'
import { openBooks } from '../../sandbox/vault/books.ts'
import { type ReasonCode, reasons } from '../../shared/contracts/reasons.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'
import { assertNoMisuse, assertNothingLeft } from '../support/site-ends.ts'
import { type Credd, condorUser, prepareHtcondor, userOf } from './support/real-credd.ts'

const credd1 = 'credd1.sandbox.test'
const entries = defaultEntries.filter(({ credds }) => credds.length > 0)
const day = 24 * 60 * 60

describe('real credds', { timeout: 3_600_000 }, () => {
  const stack = new AsyncDisposableStack()
  const credds = new Map<string, Credd>()
  let pipe: Pipeline

  before(async () => {
    const site = join(stack.use(await makeDirectory()).path, 'site')
    // HTCondor's own account must be able to enter it.
    const dir = await mkdtemp('/tmp/mt-credd-')
    stack.defer(() => rm(dir, { recursive: true, force: true }))
    await chmod(dir, 0o711)
    const htcondor = prepareHtcondor(dir, layoutOf(site))
    stack.defer(() => assertNothingLeft(site))
    const storer = { lanes: 4, method: 'direct', condorStoreCred: htcondor.condorStoreCred }
    pipe = stack.use(await startPipeline({ dir: site, entries, settings: { ...patience, storer } }))
    for (const name of creddsOf(entries)) credds.set(name, stack.use(htcondor.credd(name)))
  })
  after(() => stack.disposeAsync())

  beforeEach(async () => {
    writeFaults(pipe.site.dir, {})
    await Promise.all([...credds.values()].map((credd) => credd.start()))
  })

  const creddOf = (name: string) => credds.get(name) as Credd
  const topOf = (credd: string, service: string, account: string) =>
    join(creddOf(credd).credentials, account, `${service}.top`)
  const dunes = () => topOf(credd1, 'dune_production', 'dunepro')

  async function finish(body: object = {}, faults: Faults = {}) {
    writeFaults(pipe.site.dir, faults)
    return pipe.finish((await pipe.startRun(body)).run, 300_000)
  }

  /** The reason of dune_production in its credd, or its state where it has none. */
  async function endOfDune(faults: Faults = {}): Promise<string | undefined> {
    const status = await finish({ services: ['dune_production'] }, faults)
    const target = status.entries[0]?.targets.find(({ name }) => name === credd1)
    return target?.code ?? target?.state
  }

  /** What the storer has had done by htgettoken since a place in the record. */
  const storersCalls = (since: number) =>
    readCalls(pipe.site.dir)
      .slice(since)
      .filter(({ program, credd }) => program === 'htgettoken' && credd).length

  it('have every credential, of stores beside each other, as a credential monitor reads it', async () => {
    const points = ['dune', 'mu2e'].map((name) => `htgettoken-of-storer:${name}_production`)
    for (const point of points) hold(pipe.site.dir, point)
    const { run } = await pipe.startRun({})
    for (const point of points) await waitHeld(pipe.site.dir, point)
    for (const point of points) release(pipe.site.dir, point)
    const { totals } = await pipe.finish(run, 300_000)
    assert.equal(totals.failed, 0)
    assertNoMisuse(pipe.site)
    const books = openBooks(pipe.site.dir)
    for (const [name, credd] of credds) {
      const stored = entries.filter((entry) => entry.credds.includes(name))
      const expected = stored.map((entry) => `${entry.account}/${serviceName(entry)}.top`)
      assert.deepEqual(filesBelow(credd.credentials), expected.sort(), name)
      for (const entry of stored) {
        const top = topOf(name, serviceName(entry), entry.account)
        assert.deepEqual(ownerAndMode(top), [0, 0o600])
        assert.deepEqual(ownerAndMode(join(top, '..')), [condorUser, 0o2700])
        const { vault_token, vault_url, ...rest } = JSON.parse(readFileSync(top, 'utf8'))
        assert.deepEqual(rest, {})
        const token = books.find(vault_token)
        assert.equal(token?.principal, principalOf(entry.account))
        assert.equal(`${token?.issuer}_${token?.role}`, serviceName(entry))
        assert.ok(token.expiresAt - token.issuedAt > 27 * day * 1_000, 'of 28 days')
        const [, issuer, role] =
          /^https:.*\/v1\/secret\/oauth\/creds\/([^/]+)\/.+:(.+)$/.exec(vault_url) ?? []
        assert.equal(`${issuer}_${role}`, serviceName(entry))
      }
    }
  })

  it('say that they have it, and Vault is asked for nothing', async () => {
    const since = readCalls(pipe.site.dir).length
    const { run, totals } = await finish()
    assert.equal(totals.failed, 0)
    assert.equal(storersCalls(since), 0)
    const fact = (await pipe.storedFacts(run)).find(
      ({ subject, body }) => subject.startsWith('token.stored.') && body.entry === 'dune_production',
    )
    const storedAt = Math.floor(statSync(dunes()).mtimeMs / 1_000)
    assert.equal(Date.parse(String(fact?.body.expiry)) / 1_000, storedAt + 28 * day)
  })

  it('give up what should not be there, and nothing else', async () => {
    rmSync(dunes())
    assert.equal(await endOfDune({ 'storer-wrong-service': ['dune_production'] }), 'wrong-token')
    assert.ok(!existsSync(dunes()))
    assert.ok(existsSync(topOf(credd1, 'mu2e_production', 'mu2epro')))
    assert.equal(await endOfDune(), 'done')
    assert.ok(existsSync(dunes()))
  })

  it('know whether a credential monitor has looked at what they have', async () => {
    const anHourAgo = Date.now() / 1_000 - 3_600
    utimesSync(dunes(), anHourAgo, anHourAgo)
    assert.equal(await endOfDune(), 'credmon-silent')
    writeFileSync(dunes().replace('.top', '.use'), 'a bearer token\n')
    assert.equal(await endOfDune(), 'done')
  })

  it('say that what has only the monitor’s file is valid, and it is stored all the same', async () => {
    rmSync(dunes())
    assert.equal(await endOfDune(), 'done')
    assert.ok(existsSync(dunes()))
  })

  it('cannot read a broken credential, and have it replaced', async () => {
    writeFileSync(dunes(), '')
    assert.equal(await endOfDune(), 'done')
    assert.ok(JSON.parse(readFileSync(dunes(), 'utf8')).vault_token)
  })

  it('do not replace a credential with other scopes', async () => {
    const whole = readFileSync(dunes(), 'utf8')
    const scoped = JSON.stringify({ ...JSON.parse(whole), scopes: 'storage.read:/' })
    writeFileSync(dunes(), scoped)
    assert.equal(await endOfDune(), 'scope-mismatch')
    assert.equal(readFileSync(dunes(), 'utf8'), scoped)
    writeFileSync(dunes(), whole)
  })

  const account = userOf('dunepro')
  const refusals: Record<string, [settings: Record<string, string>, code: ReasonCode]> = {
    'does not let the account write': [{ DENY_WRITE: account }, 'credd-not-allowed'],
    'lets others write, and not the account': [{ ALLOW_WRITE: userOf('mu2epro') }, 'credd-not-allowed'],
    'has no directory for credentials': [{ SEC_CREDENTIAL_DIRECTORY_OAUTH: '' }, 'credd-misconfigured'],
    'has a directory that is not there': [
      { SEC_CREDENTIAL_DIRECTORY_OAUTH: '/nowhere' },
      'credd-misconfigured',
    ],
    'wants another login than Kerberos': [
      { SEC_DEFAULT_AUTHENTICATION_METHODS: 'IDTOKENS' },
      'credd-misconfigured',
    ],
    'has lost its keytab': [{ KERBEROS_SERVER_KEYTAB: '/nowhere' }, 'credd-misconfigured'],
    'trusts another Vault': [{ TRUSTED_VAULT_HOSTS: 'vault.sandbox.test:8200' }, 'untrusted-vault-host'],
    'trusts our Vault’s host without its port': [
      { TRUSTED_VAULT_HOSTS: 'localhost' },
      'untrusted-vault-host',
    ],
  }
  for (const [what, [settings, code]] of Object.entries(refusals))
    it(`one that ${what}: ${code}, which is for administrators, and the next run is well`, async () => {
      rmSync(dunes(), { force: true })
      await creddOf(credd1).start(settings)
      assert.equal(await endOfDune(), code)
      assert.equal(reasons[code].turn, 'administrators')
      assert.ok(!existsSync(dunes()))
      await creddOf(credd1).start({ TRUSTED_VAULT_HOSTS: `localhost:${pipe.site.addresses.vaultPort}` })
      assert.equal(await endOfDune(), 'done')
      assert.ok(existsSync(dunes()))
    })

  it('one with new keys takes no older ticket: a new one heals it in the same run', async () => {
    rmSync(dunes())
    await pipe.site.rekey('vault')
    assert.equal(await endOfDune(), 'done')
    assert.ok(existsSync(dunes()))
  })

  it('one that does not run: credd-unreachable, and the other one has everything', async () => {
    await creddOf(credd1).stop()
    const { entries: rows } = await finish()
    const ends = rows.flatMap(({ targets }) => targets.map(({ name, code, state }) => [name, code ?? state]))
    const atCredds = ends.filter(([name = '']) => credds.has(name))
    for (const [name, end] of atCredds) assert.equal(end, name === credd1 ? 'credd-unreachable' : 'done')
    assert.ok(atCredds.length > credds.size)
  })
})

const ownerAndMode = (path: string) => {
  const { uid, mode } = statSync(path)
  return [uid, mode & 0o7777]
}

const filesBelow = (directory: string) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort()
