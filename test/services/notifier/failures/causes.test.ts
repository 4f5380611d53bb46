/** From results of runs to what people are mailed, by cause: on a real bus, without the clock. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { sendDigests } from '../../../../services/notifier/digest/send-digests.ts'
import { affectedOf } from '../../../../services/notifier/failures/affected.ts'
import type { Failed, FailureCount } from '../../../../services/notifier/failures/consecutive-failures.ts'
import { countOnce, failingKey } from '../../../../services/notifier/failures/failure-store.ts'
import { handleFact, type NotifierDeps } from '../../../../services/notifier/handle.ts'
import { endWaiting } from '../../../../services/notifier/ledger/ledger.ts'
import { finishedIfEnded } from '../../../../services/notifier/ledger/run-end.ts'
import { newsIn } from '../../../../services/notifier/news/news-store.ts'
import { watchExpiry } from '../../../../services/notifier/watch/watch-expiry.ts'
import type { Outgoing } from '../../../../shared/bus/publish.ts'
import { readEnvironment } from '../../../../shared/config/environment.ts'
import { loadSiteFrom } from '../../../../shared/config/load.ts'
import type { Site } from '../../../../shared/config/site.ts'
import type { Notification, TokenFailed } from '../../../../shared/contracts/messages.ts'
import { reasons } from '../../../../shared/contracts/reasons.ts'
import { nextRunId } from '../../../../shared/contracts/run-id.ts'
import { causeKeys, pushSubject } from '../../../../shared/contracts/subjects.ts'
import type { Received } from '../../../../shared/work/consume/handle-message.ts'
import type { TargetRecord } from '../../../../shared/work/target-record.ts'
import { type NotifierBus, openNotifierBus } from '../../../support/notifier.ts'

const expect = (text: string) => new RegExp(`^${text}$`)
function matchAll(lines: readonly string[] | undefined, expected: readonly RegExp[]): void {
  assert.equal(lines?.length, expected.length, lines?.join('\n'))
  for (const [index, one] of expected.entries()) assert.match(lines?.[index] ?? '', one)
}

let last: string | undefined
function newRun(): string {
  last = nextRunId(last, Date.now())
  return last
}
/** An hour a run. */
let hours = 0
const now = (minutes = 0) => new Date(Date.UTC(2031, 0, 1, hours, minutes)).toISOString()

/** What became of a thing: `ok`, nothing (it was not tried), or a reason, maybe with what is at fault. */
type End = string | undefined
/** By entry: what became of `refresh` (`ok` unless said), and of each node and credd. */
type Ends = Readonly<Record<string, Readonly<Record<string, End>>>>

const full = { push: true, notify: true }
const experiments = ['dune', 'mu2e', 'nova'] as const
function siteWith(threshold: number, { nodes = ['n1', 'n2'], muted = '', extra = '' } = {}): Site {
  const text = `keytabPath: /srv/keytabs
kerberosPrincipalPattern: "{{.Account}}/robot@LAB.EXAMPLE"
condorCollectorHost: collector.lab.example
errorCountToSendMessage: ${threshold}
notifications: { admin_email: [admin@lab.example] }
${extra}
experiments:
${experiments
  .map(
    (name) => `  ${name}:
    emails: [${name}@lab.example]
    roles:
      pro:
        account: ${name}pro
        destinationNodes: [${nodes.join(', ')}]
        ${name === muted ? 'disableNotificationsOverride: true' : ''}`,
  )
  .join('\n')}
`
  return loadSiteFrom('managedTokens.yml', Buffer.from(text), readEnvironment({})).site
}

describe('a cause', () => {
  let on: NotifierBus
  let site: Site
  let deps: NotifierDeps
  before(async () => {
    on = await openNotifierBus()
  })
  after(() => on?.[Symbol.asyncDispose]())
  beforeEach(async () => {
    // Nothing is known of earlier runs.
    for (const kv of [on.failures, on.runs]) for await (const key of await kv.keys()) await kv.purge(key)
    deps = await on.deps(() => site)
    site = siteWith(1)
  })

  const handle = (subject: string, body: object, by: NotifierDeps = deps) =>
    handleFact({ subject, body, deliveries: 1 } as Received<never>, by)
  const of = (run: string, entry: string) => {
    const [experiment = '', role = ''] = entry.split('_')
    return { schema: '1.0', run, at: now(), entry, service: entry, experiment, role }
  }
  const wholeEntry = (name: string) => `${name}_pro`

  async function start(ends: Ends, mode = full): Promise<string> {
    hours += 1
    const run = newRun()
    const entries = Object.keys(ends).map(wholeEntry)
    await handle('run.started', {
      ...{ schema: '1.0', run, at: now(), deadline: now(5), configHash: 'x', trigger: 'schedule', mode },
      entries: entries.map((entry) => ({ ...of(run, entry), nodes: site.entries[0]?.nodes ?? [] })),
    })
    return run
  }
  const failedOf = (run: string, entry: string, name: string, end: string): TokenFailed => {
    const [code = '', causeName] = end.split(' at ')
    const isRefresh = name === 'refresh'
    return {
      ...of(run, entry),
      stage: isRefresh ? 'refresh' : name.startsWith('c') ? 'store' : 'push',
      ...(isRefresh ? {} : { target: name }),
      code: code as TokenFailed['code'],
      ...{ message: `It failed for ${entry}.`, action: reasons[code as TokenFailed['code']].action },
      ...(causeName && { causeName }),
      permanent: true,
    }
  }
  async function tell(run: string, experiment: string, name: string, end: End, by = deps): Promise<void> {
    const entry = wholeEntry(experiment)
    if (end === undefined) return
    if (end !== 'ok') return void (await handle('token.failed.x.y', failedOf(run, entry, name, end), by))
    const token = { tokenId: run, expiry: now(600), key: 'k', revision: 1, uid: 1, reused: false }
    const ready = { ...of(run, entry), deadline: now(5), mode: full, ...token }
    if (name.startsWith('c'))
      await handle('token.stored.x.y', { ...ready, credd: name, ready: { ...ready, credds: [name] } }, by)
    else
      await handle('token.pushed.x.y', { ...of(run, entry), node: name, tokenId: run, expiry: now(600) }, by)
  }
  async function tellAll(run: string, ends: Ends): Promise<void> {
    for (const [experiment, { refresh = 'ok', ...targets }] of Object.entries(ends)) {
      if (refresh !== 'ok') await tell(run, experiment, 'refresh', refresh)
      else {
        const credds = Object.keys(targets).filter((name) => name.startsWith('c'))
        const token = { tokenId: run, expiry: now(600), key: 'k', revision: 1, uid: 1, reused: false, credds }
        await handle('token.ready.x.y', {
          ...{ ...of(run, wholeEntry(experiment)), deadline: now(5), mode: full },
          ...token,
        })
      }
      for (const [name, end] of Object.entries(targets)) await tell(run, experiment, name, end)
    }
  }
  async function finish(run: string, mode = full, by = deps): Promise<void> {
    await handle(
      'run.finished',
      {
        ...{ schema: '1.0', run, at: now(5), started: now(), mode },
        totals: { done: 0, failed: 0, superseded: 0, unfinished: 0 },
      },
      by,
    )
  }
  /** Headlines by addressee, without times. */
  async function mailed(): Promise<Record<string, string[]>> {
    const outbox: Outgoing[] = []
    await sendDigests(
      { ...deps, runs: on.runs, publish: async (some) => void outbox.push(...some) },
      new Date(now(6)),
    )
    const messages = outbox.map(({ body }) => body as Notification)
    return Object.fromEntries(
      messages.map(({ to, rows = [] }) => [
        to.split('@')[0] ?? '',
        rows.map(({ headline }) =>
          headline.replace(/ since .* \((.*)\)/, ' ($1)').replace(/ after .* \(/, ' ('),
        ),
      ]),
    )
  }
  const hear = async (ends: Ends, mode = full) => {
    const run = await start(ends, mode)
    await tellAll(run, ends)
    await finish(run, mode)
    return mailed()
  }
  const each = (ends: Ends[string]): Ends => Object.fromEntries(experiments.map((name) => [name, ends]))
  const good = each({ n1: 'ok', n2: 'ok' })
  const vaultDown = each({ refresh: 'vault-unreachable at vault.lab.example' })

  it('in Vault is one item, and its end is one', async () => {
    assert.deepEqual(await hear(vaultDown), {
      admin: ['Vault at vault.lab.example: 3 services without new tokens (1 run)'],
    })
    assert.deepEqual(await hear(good), {
      admin: ['Vault at vault.lab.example: tokens of 3 services are renewed again (1 run)'],
    })
    assert.deepEqual(await hear(good), {})
  })
  for (const [code, label] of Object.entries({
    'issuer-unreachable at issuer.lab.example': 'token issuer issuer.lab.example',
    'kdc-unreachable': 'KDC',
    'ferry-unreachable at ferry.lab.example': 'FERRY at ferry.lab.example',
    'collector-unreachable': 'collector',
    'kinit-no-keytab': 'configuration',
    'entry-unknown': 'configuration',
    'disk-full-here': 'managed-tokens',
    unexpected: 'managed-tokens',
  }))
    it(`that is ${code} is one item to administrators, and nothing to stakeholders`, async () => {
      assert.deepEqual(await hear(each({ refresh: code })), {
        admin: [`${label}: 3 services without new tokens (1 run)`],
      })
    })
  it('in the issuer that keeps bearer tokens from nodes is nothing to stakeholders either', async () => {
    const ends = each({ n1: 'issuer-unreachable', n2: 'issuer-unreachable' })
    assert.deepEqual(await hear(ends), { admin: ['token issuer: 3 services without new tokens (1 run)'] })
    assert.deepEqual(await hear(good), {
      admin: ['token issuer: tokens of 3 services are renewed again (1 run)'],
    })
  })
  it('that one program calls this and the next one that is the same', async () => {
    const ends = {
      dune: { refresh: 'vault-unreachable at vault.lab.example' },
      mu2e: { refresh: 'vault-tls at https://vault.lab.example:8200' },
      nova: { n1: 'ok', n2: 'ok', c1: 'rate-limited at vault.lab.example:8200' },
    }
    assert.deepEqual(await hear(ends), {
      admin: ['Vault at vault.lab.example: 3 services without new tokens (1 run)'],
    })
  })
  it('is told apart from others: two Vaults, two nodes, two reasons, two logins', async () => {
    const ends = {
      dune: { refresh: 'vault-unreachable at v1' },
      mu2e: { refresh: 'vault-unreachable at v2' },
      nova: { n1: 'connection-refused', n2: 'disk-full' },
    }
    assert.deepEqual(await hear(ends), {
      admin: [
        'dune_pro: no token (1 run)',
        'mu2e_pro: no token (1 run)',
        'nova_pro: token not on n1 (1 run)',
        'nova_pro: token not on n2 (1 run)',
      ],
      nova: ['nova_pro: token not on n1 (1 run)', 'nova_pro: token not on n2 (1 run)'],
    })
    const logins = await hear(each({ refresh: 'authentication-needed' }))
    assert.equal(logins.admin?.filter((one) => one.endsWith('somebody has to log in')).length, 3)
    assert.deepEqual(logins.dune, [
      'dune_pro: token not on n1 (2 runs)',
      'dune_pro: token not on n2 (2 runs)',
    ])
  })
  it('in two nodes is two items to administrators; each stakeholder hears of the own tokens there', async () => {
    const own = (name: string) => [
      `${name}_pro: token not on n1 (1 run)`,
      `${name}_pro: token not on n2 (1 run)`,
    ]
    assert.deepEqual(await hear(each({ n1: 'node-unreachable', n2: 'push-timeout' })), {
      admin: [
        'node n1: 3 services without new tokens (1 run)',
        'node n2: 3 services without new tokens (1 run)',
      ],
      ...Object.fromEntries(experiments.map((name) => [name, own(name)])),
    })
  })
  it('that ends an entry’s refresh is one failure, whatever hangs on it, and says what does', async () => {
    site = siteWith(1, { nodes: ['n1', 'n2', 'n3', 'n4'] })
    const run = await start({ dune: {} })
    await tellAll(run, { dune: { refresh: 'vault-unreachable' } })
    await finish(run)
    const outbox: Outgoing[] = []
    await sendDigests(
      { ...deps, runs: on.runs, publish: async (some) => void outbox.push(...some) },
      new Date(now(6)),
    )
    const [mail, ...others] = outbox.map(({ body }) => body as Notification)
    assert.deepEqual(others, [])
    assert.equal(mail?.rows?.length, 1)
    assert.match(mail?.text ?? '', /^ {2}affects: 4 nodes wait for a token: n1, n2, n3, n4$/m)
    assert.match(mail?.html ?? '', /4 nodes wait for a token/)
  })

  it('has one threshold, whenever each of what hangs on it began to fail, and is told again after as many runs', async () => {
    site = siteWith(3)
    const down = (...names: string[]): Ends =>
      Object.fromEntries(
        experiments.map((name) => [name, { n1: names.includes(name) ? 'node-unreachable' : 'ok', n2: 'ok' }]),
      )
    const told: unknown[] = []
    for (const names of [['dune'], ['dune', 'mu2e'], experiments, experiments, experiments, experiments])
      told.push(await hear(down(...names)))
    const all = (runs: number) => [`node n1: 3 services without new tokens (${runs} runs)`]
    const own = (name: string, runs: number) => ({ [name]: [`${name}_pro: token not on n1 (${runs} runs)`] })
    assert.deepEqual(told, [
      {},
      {},
      { admin: all(3), ...own('dune', 3) },
      own('mu2e', 3),
      own('nova', 3),
      { admin: all(6), ...own('dune', 6) },
    ])
  })
  it('counts on where a target fails for one reason after the other: nobody hears of it later than before', async () => {
    site = siteWith(3)
    const told: unknown[] = []
    for (const code of ['connection-refused', 'disk-full', 'connection-refused'])
      told.push(await hear({ dune: { n1: code, n2: 'ok' } }))
    const own = ['dune_pro: token not on n1 (3 runs)']
    assert.deepEqual(told, [{}, {}, { admin: own, dune: own }])
  })
  it('is over when the last of what hung on it works', async () => {
    await hear(each({ n1: 'node-unreachable', n2: 'ok' }))
    const partly = { ...good, nova: { n1: 'connection-refused', n2: 'ok' } }
    const own = (name: string, runs: string) => [`${name}_pro: token on n1 again (${runs})`]
    assert.deepEqual(await hear(partly), {
      admin: ['nova_pro: token not on n1 (2 runs)'],
      ...{ dune: own('dune', '1 run'), mu2e: own('mu2e', '1 run') },
      nova: ['nova_pro: token not on n1 (2 runs)'],
    })
    assert.deepEqual(await hear(good), {
      admin: own('nova', '2 runs'),
      nova: own('nova', '2 runs'),
    })
  })
  it('of which a run of some services tried only some is told with what fails by it still', async () => {
    await hear(vaultDown)
    const { nova = {} } = vaultDown
    const { admin } = await hear({ nova })
    assert.deepEqual(admin, ['Vault at vault.lab.example: 3 services without new tokens (2 runs)'])
    assert.deepEqual(await hear({ nova: { n1: 'ok', n2: 'ok' } }), {})
    assert.deepEqual(await hear(good), {
      admin: ['Vault at vault.lab.example: tokens of 3 services are renewed again (2 runs)'],
    })
  })
  it('of which an older run tells more, when it ends after a newer one, is over for all', async () => {
    const older = await start(vaultDown)
    const { dune = {}, mu2e = {} } = vaultDown
    await hear({ dune })
    for (const ends of [{ dune }, { mu2e }]) await tellAll(older, ends)
    await finish(older)
    assert.deepEqual(await mailed(), {})
    assert.deepEqual(await hear(good), {
      admin: ['Vault at vault.lab.example: tokens of 2 services are renewed again (1 run)'],
    })
  })
  it('by which something fails late, which failed with its refresh before, is over when that works', async () => {
    const { dune = {} } = vaultDown
    await hear({ dune: { n1: 'ok', n2: 'ok' } })
    const run = await start({ dune })
    await tellAll(run, { dune })
    await finish(run)
    await mailed()
    await tellAll(run, { dune: { n1: 'disk-full' } })
    assert.ok((await mailed()).admin?.includes('dune_pro: token not on n1 (1 run)'))
    await tell(run, 'dune', 'n2', 'ok')
    assert.equal((await mailed()).admin, undefined, 'it fails still')
    assert.deepEqual((await hear({ dune: { n1: 'ok', n2: 'ok' } })).admin, [
      'dune_pro: token on n1 again (1 run)',
    ])
  })
  it('that an older run brings of what a newer one has tried is not told', async () => {
    const older = await start(good)
    await hear({ dune: { n1: 'ok', n2: 'disk-full' } })
    await tellAll(older, { dune: { n1: 'node-unreachable', n2: 'node-unreachable' } })
    await finish(older)
    assert.deepEqual((await mailed()).admin, ['dune_pro: token not on n1 (1 run)'])
  })
  it('is over without what was revoked meanwhile, which is told by itself', async () => {
    await hear(vaultDown)
    const run = newRun()
    const entries = [{ ...of(run, wholeEntry('nova')), nodes: ['n1', 'n2'], credds: [] }]
    await handle('run.started', {
      ...{ schema: '1.0', run, at: now(), deadline: now(5), configHash: 'x', trigger: 'request', mode: full },
      ...{ revocation: { reason: 'a test' }, entries },
    })
    const { nova: _, ...others } = good
    assert.deepEqual(await hear(others), {
      admin: ['Vault at vault.lab.example: tokens of 2 services are renewed again (1 run)'],
    })
    assert.deepEqual(await hear(good), {}, 'and nothing of it when it is restored')
  })
  it('that gave way to another is not told as over; the end of that one is, once', async () => {
    site = siteWith(2)
    for (let runs = 0; runs < 2; runs += 1) await hear({ dune: { n1: 'node-unreachable', n2: 'ok' } })
    assert.deepEqual(await hear({ dune: { n1: 'disk-full', n2: 'ok' } }), {})
    const over = ['dune_pro: token on n1 again (3 runs)']
    assert.deepEqual(await hear({ dune: { n1: 'ok', n2: 'ok' } }), { admin: over, dune: over })
  })
  it('says at its end only what works again', async () => {
    await hear(each({ n1: 'node-unreachable', n2: 'ok' }))
    const { admin } = await hear({ ...good, nova: { n1: 'account-unknown', n2: 'ok' } })
    assert.deepEqual(admin, [
      'nova_pro: token not on n1 (2 runs)',
      'node n1: tokens of 2 services are renewed again (1 run)',
    ])
  })
  it('of which only what nobody configures any more is left is over, and nobody hears of that', async () => {
    await hear({ dune: { n1: 'node-unreachable', n2: 'ok' }, mu2e: { n1: 'ok', n2: 'ok' } })
    site = siteWith(1, { nodes: ['n2'] })
    assert.deepEqual(await hear({ dune: { n2: 'ok' }, mu2e: { n2: 'ok' } }), {})
  })
  it('does not wait for a credd that the collector names no more for a service', async () => {
    await hear({ dune: { c1: 'credd-unreachable' }, mu2e: { c1: 'credd-unreachable' } })
    assert.deepEqual(await hear({ dune: { n1: 'ok' }, mu2e: { c1: 'ok' } }), {
      admin: ['mu2e_pro: token in c1 again (1 run)'],
    })
  })
  it('leaves out what is muted', async () => {
    site = siteWith(1, { muted: 'nova' })
    assert.deepEqual(await hear(vaultDown), {
      admin: ['Vault at vault.lab.example: 2 services without new tokens (1 run)'],
    })
    assert.deepEqual(await hear({ nova: { n1: 'node-unreachable', n2: 'ok' } }), {})
  })
  it('of a test is told to its people alone, as one', async () => {
    site = siteWith(1, { extra: 'notifications_test: { admin_email: [tester@lab.example] }' })
    const test = { push: false, notify: true }
    assert.deepEqual(await hear(vaultDown, test), {
      tester: ['Vault at vault.lab.example: 3 services without new tokens (1 run)'],
    })
    assert.deepEqual(await hear(vaultDown, { push: true, notify: false }), {})
  })
  it('of which more fails after the run has ended is told once, and over once', async () => {
    const run = await start(good)
    await tellAll(run, each({ n2: 'ok' }))
    await tell(run, 'dune', 'n1', 'node-unreachable')
    await finish(run)
    assert.deepEqual((await mailed()).admin, ['dune_pro: token not on n1 (1 run)'])
    for (const name of ['mu2e', 'nova']) await tell(run, name, 'n1', 'push-timeout')
    assert.deepEqual(Object.keys(await mailed()), ['mu2e', 'nova'])
    for (const name of ['dune', 'mu2e']) await tell(run, name, 'n1', 'ok')
    assert.deepEqual(Object.keys(await mailed()), ['dune', 'mu2e'])
    await tell(run, 'nova', 'n1', 'ok')
    assert.deepEqual((await mailed()).admin, ['node n1: tokens of 3 services are renewed again (1 run)'])
  })
  it('of many runs that are told at once is one item: how it stands now', async () => {
    for (const ends of [vaultDown, vaultDown, good, vaultDown]) {
      const run = await start(ends)
      await tellAll(run, ends)
      await finish(run)
    }
    assert.deepEqual(await mailed(), {
      admin: [
        'Vault at vault.lab.example: 3 services without new tokens (1 run)',
        'Vault at vault.lab.example: tokens of 3 services are renewed again (2 runs)',
      ],
    })
  })
  it('is told once by two notifiers that finish a run one after the other', async () => {
    const other = await on.deps(() => site)
    for (const ends of [vaultDown, good]) {
      const run = await start(ends)
      await tellAll(run, ends)
      for (const by of [deps, other]) await finish(run, full, by)
      assert.equal((await mailed()).admin?.length, 1)
      await finish(run, full, other)
      assert.deepEqual(await mailed(), {})
    }
  })
  it('is told on one occasion of a run, however many count at once, and over on one', async () => {
    const run = newRun()
    const thing = { entry: 'dune_pro', service: 'dune_pro', where: 'node', name: 'n1' } as const
    const as = { kind: 'node', name: 'n1', affected: affectedOf([thing], []), counts: [], isHeard: false }
    const count = (by: string, failed?: Failed) =>
      countOnce(on.failures, causeKeys.key('node.away.n1'), { run, at: now(), by, ...(failed && { failed }) })
    const occasions = ['a', 'b', 'c', 'd']
    const told = await Promise.all(occasions.map((by) => count(by, { consecutive: 1, as })))
    assert.equal(told.filter((one) => one.isTold).length, 1)
    const over = await Promise.all(occasions.map((by) => count(by)))
    assert.equal(over.filter((one) => one.recovered).length, 1)
  })
  it('is told all the same where its notifier died after counting it', async () => {
    const run = await start(vaultDown)
    await tellAll(run, vaultDown)
    const dying = { ...on.runs, create: () => Promise.reject(new Error('killed')) }
    Object.setPrototypeOf(dying, on.runs)
    await assert.rejects(finish(run, full, { ...deps, news: newsIn(dying) }), /killed/)
    await finish(run)
    assert.equal((await mailed()).admin?.length, 1)
  })
  it('ends what a notifier of an older version has told, for whoever it told', async () => {
    const told: FailureCount = {
      ...{
        count: 0,
        since: now(),
        runs: 2,
        lastRun: newRun(),
        told: true,
        heard: true,
        heardAs: ['failure'],
      },
    }
    const key = failingKey({ entry: 'dune_pro', kind: 'node', name: 'n1' })
    await on.failures.put(key, JSON.stringify(told))
    const over = ['dune_pro: token on n1 again (2 runs)']
    assert.deepEqual(await hear({ dune: { n1: 'ok', n2: 'ok' } }), { admin: over, dune: over })
  })

  it('that keeps tokens from being replaced until they are near their end is one item, and to stakeholders their own', async () => {
    const keep = async (expiry: string) => {
      for (const experiment of ['dune', 'mu2e'])
        for (const node of ['n1', 'n2'])
          await on.targets.put(
            pushSubject({ experiment, role: 'pro' }, node),
            JSON.stringify({
              ...{ entry: wholeEntry(experiment), target: node, run: newRun(), holder: 'h', attempts: 1 },
              ...{ lastAttempt: now(), lastSuccess: now(), expiry },
            } satisfies TargetRecord),
          )
    }
    await hear(vaultDown)
    await keep(now(60))
    await watchExpiry(deps, new Date(now(6)))
    const own = (name: string) =>
      ['n1', 'n2'].map((node) =>
        expect(`${name}_pro: token on ${node} ends in 54m, at .* UTC, and is not replaced`),
      )
    const near = await mailed()
    matchAll(near.admin, [
      expect(
        'Vault at vault.lab.example: 4 tokens of 2 services are not replaced; the first ends in 54m, at .* UTC',
      ),
    ])
    for (const name of ['dune', 'mu2e']) matchAll(near[name], own(name))
    assert.deepEqual(await hear(good), {
      admin: ['Vault at vault.lab.example: tokens of 3 services are renewed again (1 run)'],
    })
    await keep(now(60 * 24 * 9))
    await watchExpiry(deps, new Date(now(6)))
    const over = await mailed()
    assert.deepEqual(over.admin, ['managed-tokens: 4 tokens of 2 services are replaced again'])
    assert.equal(over.dune?.length, 2)
  })

  describe('that is the run’s own end', () => {
    /** A run that is over at its deadline. */
    async function hearAtDeadline(ends: Ends, state: 'unfinished' | 'superseded', mode?: typeof full) {
      const run = await start(ends, mode)
      await tellAll(run, ends)
      for (const entry of Object.keys(ends).map(wholeEntry))
        await deps.ledger.changeRow(run, entry, (row) => endWaiting(row, state, now(5)))
      const head = await deps.ledger.readRun(run)
      assert.equal((head && (await finishedIfEnded(head, deps.ledger)))?.length, 1)
      await finish(run, mode)
      return mailed()
    }
    it('is one item for all it did not come to, counted by where that is, and no failure', async () => {
      const ends = { dune: { n1: 'ok' }, mu2e: { c1: undefined, n1: 'ok' }, nova: {} }
      assert.deepEqual(await hearAtDeadline(ends, 'unfinished'), {
        admin: ['managed-tokens: 5 targets were not reached before the run’s end: 3 on n2, 1 in c1, 1 on n1'],
      })
      assert.deepEqual(await hear(good), {})
    })
    it('is nothing where a newer run has taken it over, in a muted run, or of a muted entry', async () => {
      assert.deepEqual(await hearAtDeadline({ dune: {} }, 'superseded'), {})
      assert.deepEqual(await hearAtDeadline({ dune: {} }, 'unfinished', { push: true, notify: false }), {})
      site = siteWith(1, { muted: 'nova' })
      assert.deepEqual(await hearAtDeadline({ nova: {} }, 'unfinished'), {})
    })
    it('is nothing where a credd keeps it from nodes: that is told of the credd', async () => {
      site = siteWith(1, { extra: 'distributor: { pushAfter: stored }' })
      assert.deepEqual(await hearAtDeadline({ dune: { c1: 'credd-unreachable' } }, 'unfinished'), {
        admin: ['dune_pro: token not in c1 (1 run)'],
      })
    })
  })
})
