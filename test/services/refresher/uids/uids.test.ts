/** What becomes of FERRY's word on an account, and of the predecessor's database. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it, type TestContext } from 'node:test'
import { findUid, uidIn } from '../../../../services/refresher/uids/ferry.ts'
import { askerOf } from '../../../../services/refresher/uids/ferry-bearer.ts'
import { accountsToAsk, asFits } from '../../../../services/refresher/uids/refresh-uids.ts'
import { importUids, readPredecessorUids } from '../../../../shared/predecessor/import-uids.ts'
import { readUid, writeUid } from '../../../../shared/predecessor/known-uids.ts'
import { entryOf, siteOf } from '../../build.ts'
import { fakeKv } from '../../fake-kv.ts'

const answer = (expirationdate: unknown) =>
  JSON.stringify({
    ferry_status: 'success',
    ferry_output: { uid: 4711, banned: false, status: true, expirationdate },
  })

describe('an account’s expiry', () => {
  const now = Date.parse('2031-01-01T00:00:00Z')
  it('refuses it from that day on', () => {
    assert.throws(() => uidIn(answer('2030-12-31'), 'dunepro', now), {
      message: 'FERRY says that dunepro is expired since 2030-12-31.',
    })
  })
  for (const still of ['2031-01-02T00:00:00Z', null, '', 'never', undefined])
    it(`does not refuse it: ${still}`, () => assert.equal(uidIn(answer(still), 'dunepro', now), 4711))
})

describe('an account that FERRY refused', () => {
  it('gets no token although its UID is known, and the reason is FERRY’s', async () => {
    const { kv } = fakeKv()
    await writeUid(kv, { account: 'dunepro', uid: 4711, refused: 'FERRY says that dunepro is banned.' })
    const { desiredUid: _, ...entry } = entryOf()
    await assert.rejects(findUid(entry, siteOf(), kv, AbortSignal.timeout(1_000)), {
      name: 'Permanent',
      message: 'FERRY says that dunepro is banned.',
    })
    assert.equal(await findUid(entryOf(), siteOf(), kv, AbortSignal.timeout(1_000)), 61_234, 'override first')
  })
})

describe('an account of an entry that comes from an issuer', () => {
  const { desiredUid: _, ...without } = entryOf()
  const entry = { ...without, oidc: { issuer: 'iam', grant: 'client_credentials' } } as const
  const find = (site: ReturnType<typeof siteOf>, kv = fakeKv().kv) =>
    findUid(entry, site, kv, AbortSignal.timeout(1_000))
  it('is for the nodes to say where there is no FERRY', async () => {
    assert.equal(await find(siteOf()), undefined)
    assert.deepEqual(accountsToAsk({ entries: [entry] }), [])
  })
  it('has the UID that is known of it all the same', async () => {
    const { kv } = fakeKv()
    await writeUid(kv, { account: entry.account, uid: 4711 })
    assert.equal(await find(siteOf(), kv), 4711)
  })
  it('is FERRY’s to say where there is one', async () => {
    const site = siteOf('ferry: { host: localhost, port: 9 }')
    assert.deepEqual(accountsToAsk({ ...site, entries: [entry] }), ['dunepro'])
    await assert.rejects(find(site), /FERRY did not say the UID of dunepro/)
  })
  it('of Vault’s entries is unknown without either', async () => {
    await assert.rejects(
      findUid(without, siteOf(), fakeKv().kv, AbortSignal.timeout(1_000)),
      /No UID is configured/,
    )
  })
})

it('FERRY is asked once for each account without a UID of its own', () => {
  assert.deepEqual(accountsToAsk(siteOf()), ['novapro'])
})

describe('who FERRY is asked as', () => {
  it('is nobody where the section names no service', () => {
    assert.equal(askerOf(siteOf('ferry: { host: f.lab.example, port: 1 }')), undefined)
    assert.equal(askerOf(siteOf()), undefined)
  })
  it('is the service of the section', () => {
    const site = siteOf(
      'ferry: { host: f.lab.example, port: 1, serviceExperiment: fermilab, serviceKerberosPrincipal: r/x@LAB.EXAMPLE, serviceKeytabPath: /k }',
    )
    const asker = askerOf(site)
    assert.deepEqual(
      [asker?.service, asker?.role, asker?.principal, asker?.keytab],
      ['fermilab_Analysis', undefined, 'r/x@LAB.EXAMPLE', '/k'],
    )
  })
})

describe('the predecessor’s database', () => {
  function file(t: TestContext, sql?: string): string {
    const directory = mkdtempSync(join(tmpdir(), 'mt-uids-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const path = join(directory, 'uid.db')
    if (sql !== undefined) {
      const database = new DatabaseSync(path)
      database.exec(sql)
      database.close()
    }
    return path
  }
  const head = `PRAGMA application_id=${0x5da82553}; CREATE TABLE uids (username STRING PRIMARY KEY, uid INTEGER);`

  it('gives UIDs of accounts that nothing is known of', async (t) => {
    const path = file(t, `${head} INSERT INTO uids VALUES ('dunepro', 1), ('novapro', 2);`)
    const { kv } = fakeKv()
    await writeUid(kv, { account: 'dunepro', uid: 4711 })
    assert.deepEqual(await importUids(path, kv), { imported: ['novapro'], kept: ['dunepro'] })
    assert.equal((await readUid(kv, 'dunepro'))?.uid, 4711)
    assert.equal((await readUid(kv, 'novapro'))?.uid, 2)
  })
  it('is refused when it is another program’s', (t) => {
    assert.throws(() => readPredecessorUids(file(t, 'CREATE TABLE uids (username, uid)')), /another program/)
  })
  it('is refused when it holds what are no UIDs', (t) => {
    const path = file(t, `${head} INSERT INTO uids VALUES ('dunepro', 0);`)
    assert.throws(() => readPredecessorUids(path), /does not hold account names and UIDs/)
  })
  it('is refused when it is no database', (t) => {
    const path = file(t)
    writeFileSync(path, 'not a database, but long enough for a header to be looked for in it'.repeat(20))
    assert.throws(() => readPredecessorUids(path), /is not the predecessor’s database/)
  })
  it('is refused when it is not there', (t) => {
    assert.throws(() => readPredecessorUids(file(t)), /there is no .*uid\.db/)
  })
})

describe('what FERRY said of all accounts', () => {
  const failed = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      ...({ account: `account${n}`, code: 'ferry-unreachable' } as const),
      ...{ message: 'FERRY did not answer in time. '.repeat(5), action: 'Ask whoever runs it.' },
    }))
  it('fits into one message, which counts what it does not name', () => {
    const known = Array.from({ length: 20_000 }, (_, uid) => ({ account: `account${uid}`, uid }))
    const told = asFits({ known, failed: failed(10_000) })
    assert.ok(JSON.stringify(told).length < 1024 * 1024)
    assert.equal(told.failed.length + (told.more?.failed ?? 0), 10_000)
    assert.equal(told.known.length + (told.more?.known ?? 0), 20_000)
    assert.ok((told.more?.failed ?? 0) > 0)
  })
  it('is whole where it can be', () => {
    assert.equal(asFits({ known: [], failed: failed(500) }).more, undefined)
  })
})
