/** One run over the default site, from nothing to every token in its place, and a second one that finds its tokens still good. */
import assert from 'node:assert/strict'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { ask } from '../../cli/bus/connection.ts'
import { labelValues, readSamples, type Sample } from '../../sandbox/support/read-samples.ts'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import type { RunAnswer } from '../../services/refresher/start-run/run-request.ts'
import { daemons, requests } from '../../shared/contracts/subjects.ts'
import { findDuplicateKeys } from '../support/duplicate-keys.ts'
import { keptMetrics, keptStages } from '../support/kept-metrics.ts'
import { eventually } from '../support/latch.ts'
import type { Pipeline } from '../support/pipeline.ts'
import { assertNoMisuse, assertNothingLeft, countWork, findMisplaced, markNow } from '../support/site-ends.ts'
import { readSpans, type Span } from '../support/spans.ts'
import { metricsHost, type WholeRun, wholeRun } from '../support/whole-run.ts'

const everything = {
  'refresh dune_production': 2,
  'refresh mu2e_production': 1,
  'refresh nova_analysis': 1,
  'store dune_production credd1': 1,
  'store dune_production credd2': 1,
  'store mu2e_production credd1': 1,
  'store mu2e_production credd2': 1,
  'push dunegpvm01 dunepro': 1,
  'push mu2egpvm01 dunepro': 1,
  'push mu2egpvm01 mu2epro': 1,
  'push sharedgpvm01 dunepro': 1,
  'push sharedgpvm01 mu2epro': 1,
  'push sharedgpvm01 novaana': 1,
}

describe('a run over the whole site', { timeout: 400_000 }, () => {
  let pipe: Pipeline
  let dir: string
  let answer: RunAnswer
  let first: RunStatus
  let work: WholeRun['work']

  before(async () => {
    ;({ pipe, answer, status: first, work } = await wholeRun())
    dir = pipe.site.dir
  })

  it('ends with all of it done', () => {
    assert.deepEqual(answer.entries, [
      'dune_production',
      'dune-2_production',
      'mu2e_production',
      'nova_analysis',
    ])
    assert.deepEqual(first.totals, { done: 10, failed: 0, superseded: 0, unfinished: 0 })
    assert.equal(first.waiting, 0)
    assert.ok(Date.parse(first.finished ?? '') >= Date.parse(first.started))
  })

  it('is logged in lines of JSON, in which no key stands twice', () => {
    const logs = daemons.map((daemon) => readFileSync(join(pipe.site.layout.logs, `${daemon}.log`), 'utf8'))
    const lines = logs.flatMap((log) => log.split('\n').slice(0, -1))
    assert.ok(lines.some((line) => JSON.parse(line).run === answer.run))
    assert.deepEqual(lines.flatMap(findDuplicateKeys), [])
  })

  it('is logged with a line for each token pushed: service, node, files and how long they are good, no token', () => {
    const log = readFileSync(join(pipe.site.layout.logs, 'distributor.log'), 'utf8').split('\n')
    const pushed = log.flatMap((line) => (/"msg":"pushed /.test(line) ? [JSON.parse(line)] : []))
    const ofRun = pushed.filter(({ run }) => run === answer.run)
    assert.equal(ofRun.length, 6)
    const nova = ofRun.find(({ service }) => service === 'nova_analysis')
    assert.equal(nova.node, 'sharedgpvm01.sandbox.test')
    assert.deepEqual(nova.files, [
      '/tmp/vt_u46301',
      '/tmp/vt_u46301-nova_analysis',
      '/tmp/jobsub_default_role_nova_46301',
    ])
    assert.match(
      nova.msg,
      /^pushed nova_analysis to sharedgpvm01\.sandbox\.test: \/tmp\/vt_u46301 .*good until 20/,
    )
    assert.ok(Date.parse(nova.expiry) > Date.now() && nova.lifeSeconds > 3_600)
    for (const line of pushed) assert.doesNotMatch(JSON.stringify(line), /hvs\.|eyJ/)
  })

  it('leaves every token where an experimenter’s tools look for it', async () => {
    assert.deepEqual(await findMisplaced(pipe.site), [])
    assertNoMisuse(pipe.site)
  })

  it('does everything once', () => assert.deepEqual(work, everything))

  it('writes the files of a node with exact names, owner, mode and content', () => {
    const tmp = join(dir, 'nodes', 'sharedgpvm01.sandbox.test', 'tmp')
    assert.deepEqual(readdirSync(tmp).sort(), [
      'jobsub_default_role_dune_50762',
      'jobsub_default_role_mu2e_44592',
      'jobsub_default_role_nova_46301',
      'vt_u44592',
      'vt_u44592-mu2e_production',
      'vt_u46301',
      'vt_u46301-nova_analysis',
      'vt_u50762',
      'vt_u50762-dune_production',
    ])
    for (const name of ['vt_u46301', 'vt_u46301-nova_analysis']) {
      const stat = lstatSync(join(tmp, name))
      assert.deepEqual(
        [stat.isFile(), stat.mode & 0o7777, stat.uid, stat.nlink],
        [true, 0o400, 46301, 1],
        `${name}: a plain file, 0400, the account’s, one link`,
      )
      const text = readFileSync(join(tmp, name), 'latin1')
      assert.match(text, /^hvs\.[\w-]{20,}\n$/, 'one line, the token, with its newline')
      assert.ok(
        issuedTo('nova_analysis', 'vault').includes(text.trim()),
        'a token that Vault gave out for nova',
      )
    }
    const role = join(tmp, 'jobsub_default_role_nova_46301')
    assert.equal(readFileSync(role, 'utf8'), 'analysis\n')
    assert.equal(lstatSync(role).uid, 46301)
  })

  it('names the real experiment on nodes of an entry with an override', () => {
    const tmp = join(dir, 'nodes', 'mu2egpvm01.sandbox.test', 'tmp')
    assert.deepEqual(
      readdirSync(tmp)
        .filter((name) => name.includes('dune') || name.includes('50762'))
        .sort(),
      ['jobsub_default_role_dune_50762', 'vt_u50762', 'vt_u50762-dune_production'],
    )
  })

  it('leaves a vault token and its address in a credd', () => {
    const file = join(dir, 'credds', 'credd2.sandbox.test', 'dunepro', 'dune_production.top')
    const top = JSON.parse(readFileSync(file, 'utf8'))
    assert.deepEqual(Object.keys(top).sort(), ['vault_token', 'vault_url'])
    assert.ok(issuedTo('dune_production', 'vault').includes(top.vault_token))
    assert.equal(
      top.vault_url,
      `https://localhost:${pipe.site.addresses.vaultPort}/v1/secret/oauth/creds/dune/dunepro/managedtokens/sandbox.test:production`,
    )
  })

  describe('and a second one right after it', () => {
    let again: RunAnswer
    let before: Map<string, number>

    it('finds the tokens still good', async () => {
      before = tokenAges()
      const mark = markNow(pipe.site)
      again = await pipe.startRun()
      const status = await pipe.finish(again.run)
      assert.deepEqual(status.totals, { done: 10, failed: 0, superseded: 0, unfinished: 0 })
      assert.deepEqual(
        status.entries.map(({ refresh }) => refresh.reused),
        [true, true, true, true],
      )
      assert.deepEqual(countWork(pipe.site, mark), everything)
    })

    it('has a later id, and is told from the first', async () => {
      assert.ok(again.run > answer.run)
      const facts = (await pipe.storedFacts(answer.run)).map(({ subject }) => subject)
      assert.equal(facts.filter((subject) => subject === 'run.finished').length, 1)
      assert.equal(facts.filter((subject) => subject.startsWith('token.pushed.')).length, 6)
      assert.equal(facts.filter((subject) => subject.startsWith('token.stored.')).length, 4)
    })

    it('puts nothing older in the place of a token', async () => {
      const now = tokenAges()
      assert.deepEqual([...now.keys()], [...before.keys()])
      for (const [file, age] of now)
        assert.ok(age >= (before.get(file) ?? 0), `${file} is not older than before`)
      assert.deepEqual(await findMisplaced(pipe.site), [])
    })
  })

  describe('and the metrics of all four', () => {
    let samples: Sample[]
    const valuesOf = (name: string, label: string) => labelValues(samples, `managed_tokens_${name}`, label)

    before(async () => {
      await ask(pipe.bus, requests.uidsRefresh, {})
      await pipe.facts.until('run.uids', ({ subject }) => subject === 'run.uids')
      // The notifier follows the targets in its own time.
      await eventually(async () => {
        samples = await scrapeAll()
        return samples.filter(({ name }) => name.includes('target_last_success')).length >= 10
      }, 'the metrics of ten targets')
    })

    async function scrapeAll(): Promise<Sample[]> {
      const answers = await Promise.all(
        daemons.map((_, index) => fetch(`http://${metricsHost}:${9_100 + index}/metrics`)),
      )
      return readSamples((await Promise.all(answers.map((answer) => answer.text()))).join(''))
    }

    it('have every name and label of the predecessor’s that a good run sets', () => {
      for (const [name, labels] of Object.entries(keptMetrics).filter(([kept]) => !/email/.test(kept))) {
        const mine = samples.filter((one) => one.name === name || one.name === `${name}_count`)
        assert.ok(mine.length > 0, name)
        for (const one of mine) assert.deepEqual(Object.keys(one.labels).sort(), [...labels].sort(), name)
      }
      for (const [executable, stages] of Object.entries(keptStages))
        assert.deepEqual(
          [
            ...new Set(
              samples
                .filter(
                  (one) =>
                    one.name === 'managed_tokens_stage_duration_seconds' &&
                    one.labels.executable === executable,
                )
                .map(({ labels }) => labels.stage),
            ),
          ].sort(),
          [...stages].sort(),
        )
    })

    it('mean by `service` the service, and the entry in the counts of errors', () => {
      const services = ['dune_production', 'mu2e_production', 'nova_analysis']
      const entries = ['dune-2_production', ...services]
      for (const name of ['kinit_duration_seconds', 'last_token_get_timestamp', 'last_token_push_timestamp'])
        assert.deepEqual(valuesOf(name, 'service'), services, name)
      assert.deepEqual(
        valuesOf('last_token_store_timestamp', 'service'),
        services.filter((service) => service !== 'nova_analysis'),
        'nova stores nothing',
      )
      assert.deepEqual(valuesOf('current_setup_error_count', 'service'), entries)
      assert.deepEqual(valuesOf('current_push_error_count', 'service'), entries)
    })

    it('count no failure', () => {
      const counts = samples.filter(({ name }) => /_(failed_\w+|error)_count$/.test(name))
      assert.ok(counts.length > 0)
      assert.deepEqual(
        counts.filter(({ value }) => value !== 0),
        [],
      )
    })

    it('come from daemons that say they are ready', async () => {
      for (const [index, daemon] of daemons.entries()) {
        const answer = await fetch(`http://${metricsHost}:${9_100 + index}/readyz`)
        const body = (await answer.json()) as { daemon: string; missing: string[] }
        assert.deepEqual([answer.status, body.daemon, body.missing], [200, daemon, []])
      }
    })

    it('show every target fresh, no queue, the end of the run, and four that are ready', () => {
      const all = (name: string) => samples.filter((one) => one.name === `managed_tokens_${name}`)
      const targets = all('target_token_expiry_timestamp_seconds')
      assert.equal(targets.length, 10)
      for (const { labels, value } of targets)
        assert.ok(value > Date.now() / 1_000, `${labels.entry} ${labels.target}`)
      assert.equal(all('target_last_success_timestamp_seconds').length, 10)
      assert.deepEqual(
        Object.fromEntries(all('queue_depth').map(({ labels, value }) => [labels.queue, value])),
        { refresh: 0, store: 0, push: 0, notify: 0 },
      )
      const finished = all('last_run_finished_timestamp_seconds')[0]?.value ?? 0
      assert.ok(finished * 1_000 > Date.parse(first.finished ?? ''), 'that of the second run')
      assert.deepEqual(Object.fromEntries(all('ready').map(({ labels, value }) => [labels.daemon, value])), {
        refresher: 1,
        storer: 1,
        distributor: 1,
        notifier: 1,
      })
      assert.deepEqual(
        all('lease_holder').map(({ labels, value }) => [labels.lease, value]),
        [['storer', 1]],
      )
    })
  })

  describe('once everything has stopped', () => {
    let spans: Span[]

    before(async () => {
      // What has not been sent when a daemon stops gets two seconds, and is then dropped.
      await eventually(async () => {
        spans = readSpans(dir)
        return (
          spans.filter(({ parentSpanId }) => parentSpanId === '').length === 3 && findOrphans().length === 0
        )
      }, 'the spans of two runs and of a question to FERRY')
      await pipe[Symbol.asyncDispose]()
      spans = readSpans(dir)
    })

    function findOrphans(of = spans): Span[] {
      const ids = new Set(of.map(({ spanId }) => spanId))
      return of.filter(({ parentSpanId }) => parentSpanId && !ids.has(parentSpanId))
    }

    it('is gone without trace', () => assertNothingLeft(dir))

    it('has told one trace a run, below one root span', () => {
      const roots = spans.filter(({ parentSpanId }) => parentSpanId === '')
      assert.deepEqual(roots.map(({ name }) => name).sort(), ['refresh uids', 'run', 'run'])
      assert.equal(new Set(roots.map(({ traceId }) => traceId)).size, 3)
      assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 3, 'no span is in a trace of its own')
    })

    it('has spans of all four daemons in the trace, none without its parent', () => {
      const trace = traceOf(answer.run)
      assert.deepEqual([...new Set(trace.map(({ service }) => service))].sort(), [
        'managed-tokens-distributor',
        'managed-tokens-notifier',
        'managed-tokens-refresher',
        'managed-tokens-storer',
      ])
      assert.deepEqual(
        findOrphans(trace).map(({ name }) => name),
        [],
      )
    })

    it('has one span for each command run, with its exit status, below the message it was run for', () => {
      const trace = traceOf(answer.run)
      const commands = trace.filter(({ name }) => name.startsWith('exec '))
      // Beside a slow push, ssh is also asked where a node is.
      const isWork = ({ name, attributes }: Span) => name !== 'exec ssh' || attributes['managed_tokens.node']
      const count = (name: string) => commands.filter((one) => one.name === name && isWork(one)).length
      assert.deepEqual(
        ['htgettoken', 'condor_vault_storer', 'condor_store_cred', 'ssh'].map((name) =>
          count(`exec ${name}`),
        ),
        [4, 4, 4, 6],
      )
      const exits = commands
        .filter(isWork)
        .map(({ name, attributes }) => `${name} ${attributes['process.exit.code']}`)
      const others = new Set(exits.filter((exit) => !exit.endsWith(' 0')))
      assert.deepEqual([...others], ['exec condor_status 1'], 'the collector that is down')
      const parents: Record<string, string> = {
        'exec htgettoken': 'process refresh',
        'exec condor_vault_storer': 'process store',
        'exec ssh': 'process push',
      }
      for (const { name, parentSpanId, service } of commands) {
        const parent = trace.find(({ spanId }) => spanId === parentSpanId)
        assert.equal(parent?.service, service)
        assert.ok(parent?.name.startsWith(parents[name] ?? 'process '), `${name} is below ${parent?.name}`)
      }
    })

    it('goes from a push to the refresh that made its token', () => {
      const trace = traceOf(answer.run)
      const push = trace.find(
        ({ name, attributes }) =>
          name === 'exec ssh' && attributes['managed_tokens.entry'] === 'nova_analysis',
      )
      const ancestors: string[] = []
      for (let span = push; span; span = trace.find(({ spanId }) => spanId === span?.parentSpanId))
        ancestors.push(`${span.service.replace('managed-tokens-', '')} ${span.name}`)
      assert.deepEqual(ancestors, [
        'distributor exec ssh',
        'distributor process push',
        'distributor process token.ready',
        'refresher process refresh',
        'refresher process run.started',
        'refresher run',
      ])
    })

    function traceOf(run: string): Span[] {
      const root = spans.find(({ attributes }) => attributes['messaging.message.conversation_id'] === run)
      return spans.filter(({ traceId }) => traceId === root?.traceId)
    }
  })

  interface Issued {
    readonly token: string
    readonly kind: string
    readonly service: string
  }

  /** Every token ever given out, oldest first. */
  function issued(): Issued[] {
    const lines = readFileSync(join(dir, 'vault', 'tokens.jsonl'), 'utf8')
      .trim()
      .split('\n')
    return lines.map((line) => JSON.parse(line) as Issued)
  }

  function issuedTo(service: string, kind: string): string[] {
    return issued()
      .filter((one) => one.service === service && one.kind === kind)
      .map(({ token }) => token)
  }

  /** Each file with a vault token → how many tokens had been given out before it. */
  function tokenAges(): Map<string, number> {
    const order = issued().map(({ token }) => token)
    const files = ['nodes', 'credds'].flatMap((ends) =>
      readdirSync(join(dir, ends), { recursive: true, withFileTypes: true })
        .filter((file) => file.isFile() && /^vt_|\.top$/.test(file.name))
        .map((file) => join(file.parentPath, file.name)),
    )
    return new Map(
      files.sort().map((file) => {
        const [token = ''] = /hvs\.[\w-]+/.exec(readFileSync(file, 'utf8')) ?? []
        return [file, order.indexOf(token)]
      }),
    )
  }
})
