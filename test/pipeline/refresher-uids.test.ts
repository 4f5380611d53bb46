/** UIDs from FERRY, asked with a bearer token: daily questions on request, the last good answer, refusals, and the predecessor's database. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, it } from 'node:test'
import { ask } from '../../cli/bus/connection.ts'
import { runUidsImport } from '../../cli/uids-import.ts'
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { accountsOf, principalOf } from '../../sandbox/entry.ts'
import { writeFaults } from '../../sandbox/faults.ts'
import { type FerryUser, startFerry } from '../../sandbox/ferry.ts'
import { layoutOf } from '../../sandbox/layout.ts'
import type { RunUids } from '../../shared/contracts/messages.ts'
import { requests } from '../../shared/contracts/subjects.ts'
import type { ServiceStatus } from '../../shared/work/service-status.ts'
import { readMailsAbout } from '../support/admin-mails.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'

const nova = 'nova_analysis'

describe('UIDs from FERRY', { timeout: 400_000 }, () => {
  const users: FerryUser[] = accountsOf(defaultEntries).map(({ name, uid }) => ({ username: name, uid }))
  const novaana = users.findIndex(({ username }) => username === 'novaana')
  const stop = new AsyncDisposableStack()
  let pipe: Pipeline

  before(async () => {
    const directory = stop.use(await makeDirectory())
    const layout = layoutOf(directory.path)
    // Nobody else gets the port before FERRY, which needs the site's certificate, can have it.
    const keeper = createServer().listen(0, 'localhost')
    await once(keeper, 'listening')
    const { port } = keeper.address() as AddressInfo
    const service = {
      serviceExperiment: 'dune',
      serviceRole: 'production',
      serviceKerberosPrincipal: principalOf('dunepro'),
      serviceKeytabPath: join(layout.keytabs, 'dunepro.keytab'),
    }
    const settings = { ferry: { port, ...service } }
    pipe = stop.use(await startPipeline({ dir: directory.path, settings }))
    const read = (name: string) => readFileSync(join(layout.vault, name), 'utf8')
    const tls = { key: read('key.pem'), cert: read('cert.pem') }
    await new Promise((resolve) => keeper.close(resolve))
    stop.use(await startFerry({ dir: directory.path, port, tls, users, requireAuth: true }))
  })
  after(() => stop.disposeAsync())

  async function refresh(): Promise<RunUids> {
    const { id } = await ask<{ id: string }>(pipe.bus, requests.uidsRefresh, {}, 30_000)
    const heard = await pipe.facts.until(
      'the outcome',
      ({ subject, body }) => subject === 'run.uids' && body.run === id,
    )
    return heard.body as unknown as RunUids
  }
  async function uidOf(entry: string): Promise<number | null | undefined> {
    const { services } = await ask<{ services: ServiceStatus[] }>(pipe.bus, requests.services, {}, 30_000)
    return services.find((one) => one.entry === entry)?.uid
  }
  const untilTold = async (words: string) => {
    const deadline = Date.now() + 60_000
    for (;;) {
      const mails = await readMailsAbout(words, pipe.site.dir)
      if (mails.length > 0) return mails.map(({ text }) => text).join('\n')
      assert.ok(Date.now() < deadline, `nobody was told: ${words}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const finish = async () => {
    const { run } = await pipe.startRun({ services: [nova] })
    const status = await pipe.finish(run)
    const [row] = status.entries
    assert.ok(row)
    return row
  }

  it('are known after a refresh, which is answered with an id at once and says its outcome on the bus', async () => {
    assert.equal(await uidOf(nova), null)
    const { known, failed, trigger } = await refresh()
    assert.equal(trigger, 'request')
    assert.deepEqual(failed, [])
    assert.deepEqual(
      known.find(({ account }) => account === 'novaana'),
      { account: 'novaana', uid: 46301 },
    )
    assert.equal(await uidOf(nova), 46301)
    const asked = readFileSync(join(pipe.site.dir, 'ferry-requests.jsonl'), 'utf8').trim().split('\n')
    assert.ok(
      asked.every((line) => JSON.parse(line).status === 200),
      'each with a token that FERRY takes',
    )
  })

  it('stay in force while FERRY is down, and administrators hear once that it is', async () => {
    writeFaults(pipe.site.dir, { 'ferry-down': true })
    const { known, failed } = await refresh()
    assert.deepEqual(known, [])
    const row = failed.find(({ account }) => account === 'novaana')
    assert.deepEqual([row?.code, row?.uid], ['ferry-unreachable', 46301])
    assert.match(
      await untilTold('no UID from FERRY'),
      /^2 accounts: FERRY did not say .* \[ferry-unreachable\]\n.*novaana \(UID 46301 stays in force\)/m,
    )
    assert.equal((await finish()).refresh.state, 'done')
    writeFaults(pipe.site.dir, {})
  })

  it('of a banned account are refused with FERRY’s reason, until it is welcome again', async () => {
    users[novaana] = { username: 'novaana', uid: 46301, banned: true }
    const { failed } = await refresh()
    assert.deepEqual(
      failed.map(({ account, code, message }) => [account, code, message]),
      [['novaana', 'account-refused', 'FERRY says that novaana is banned.']],
    )
    const { refresh: refused } = await finish()
    assert.deepEqual(
      [refused.state, refused.code, refused.message],
      ['failed', 'account-refused', 'FERRY says that novaana is banned.'],
    )
    assert.match(await untilTold('FERRY for novaana'), /novaana is banned\. \[account-refused\]\n/)

    users[novaana] = { username: 'novaana', uid: 46301 }
    await refresh()
    assert.equal((await finish()).refresh.state, 'done')
  })

  it('of the predecessor are taken over where nothing newer is known', async () => {
    const file = join(pipe.site.dir, 'uid.db')
    const database = new DatabaseSync(file)
    database.exec(`PRAGMA application_id=${0x5da82553};
      CREATE TABLE uids (username STRING NOT NULL PRIMARY KEY, uid INTEGER NOT NULL);
      INSERT INTO uids VALUES ('novaana', 1), ('minervapro', 43567);`)
    database.close()
    const { config, layout } = pipe.site
    const code = await runUidsImport(file, {
      config,
      state: layout.state,
      nats: pipe.supervisor.url,
      json: true,
    })
    assert.equal(code, 0)
    assert.equal(await uidOf(nova), 46301, 'FERRY’s word is newer')
  })
})
