/** Each fault of the demo: it exits 1 in time, names what failed and why, everything else arrives, and people are told the same. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { concernsExperiment } from '../../services/notifier/failures/cause.ts'
import { pushSubject, refreshSubject, storeSubject } from '../../shared/contracts/subjects.ts'
import { findLeaks } from '../support/canary.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { runDemo } from '../support/run-demo.ts'
import { assertNoMisuse, assertNothingLeft, findMisplaced } from '../support/site-ends.ts'
import { readSpans } from '../support/spans.ts'
import { readMails, readPosts, readTable } from '../support/told.ts'

interface Fault {
  readonly fault: string
  readonly code: string
  /** Where several hang on it. */
  readonly cause?: string
  /** Entries without a token: all their targets fail with them. */
  readonly refreshes?: readonly string[]
  /** `<entry> <node|credd> <target>` that fail by themselves. */
  readonly targets?: readonly string[]
}

const nodes: Record<string, readonly string[]> = {
  dune_production: ['dunegpvm01', 'sharedgpvm01'],
  'dune-2_production': ['mu2egpvm01'],
  mu2e_production: ['mu2egpvm01', 'sharedgpvm01'],
  nova_analysis: ['sharedgpvm01'],
}
const credds: Record<string, readonly string[]> = {
  dune_production: ['credd1'],
  'dune-2_production': ['credd2'],
  mu2e_production: ['credd1', 'credd2'],
  nova_analysis: [],
}
const all = Object.keys(nodes)
const targetsOf = (entry: string) => [
  ...(nodes[entry] ?? []).map((node) => `${entry} node ${node}`),
  ...(credds[entry] ?? []).map((credd) => `${entry} credd ${credd}`),
]

/** Faults that meet no target twice go into one demo. */
const demos: readonly (readonly Fault[])[] = [
  [
    {
      fault: 'storer-hangs=mu2e_production',
      code: 'storer-timeout',
      targets: ['mu2e_production credd credd1', 'mu2e_production credd credd2'],
    },
    {
      fault: 'node-down=dunegpvm01',
      code: 'connection-refused',
      targets: ['dune_production node dunegpvm01'],
    },
    {
      fault: 'needs-onboarding=nova_analysis',
      code: 'authentication-needed',
      refreshes: ['nova_analysis'],
    },
  ],
  [
    {
      fault: 'credd-down=credd2',
      code: 'credd-unreachable',
      cause: 'credd credd2.sandbox.test',
      targets: ['dune-2_production credd credd2', 'mu2e_production credd credd2'],
    },
  ],
  [{ fault: 'kdc-down', code: 'kdc-unreachable', cause: 'KDC', refreshes: all }],
]

/** Everything that a fault makes fail, each with its reason code. */
function failuresOf(faults: readonly Fault[]) {
  const each = (items: (fault: Fault) => readonly string[]) =>
    new Map(faults.flatMap((fault) => items(fault).map((item) => [item, fault.code] as const)))
  return {
    refreshes: each(({ refreshes = [] }) => refreshes),
    own: each(({ targets = [] }) => targets),
    missing: each(({ refreshes = [], targets = [] }) => [...refreshes.flatMap(targetsOf), ...targets]),
  }
}

describe('the demo', { concurrency: 2, timeout: 400_000 }, () => {
  for (const faults of demos)
    it(`with ${faults.map(({ fault }) => fault).join(', ')}: names what failed, brings all the rest, tells people the same`, async () => {
      await using directory = await makeDirectory()
      const dir = directory.path
      const { exitCode, stdout, stderr } = await runDemo(
        dir,
        faults.flatMap(({ fault }) => ['--fault', fault]),
      )
      const said = `${stdout}${stderr}`
      const { refreshes, own, missing } = failuresOf(faults)

      assert.equal(exitCode, 1, said)
      assert.deepEqual(
        await findMisplaced({ dir }),
        [...missing.keys()].sort(),
        'everything else has arrived',
      )

      const failed = [...missing].map(([target, code]) => factOf(target, code)).sort()
      assert.deepEqual(readTable(stdout), failed)
      assert.match(stdout, new RegExp(`^Total: ${10 - missing.size} done, ${missing.size} failed in `, 'm'))

      const mails = await readMails(dir)
      const [admin, ...stakeholders] = mails
      const causes = faults.flatMap(causesOf).sort()
      assert.equal(admin?.to, 'admin@sandbox.test')
      assert.deepEqual(admin?.told, causes, 'the administrators’ mail')
      assert.deepEqual(readPosts(dir), [causes], 'the post to Slack')
      assert.deepEqual(
        stakeholders.map(({ to, told }) => ({ to, told })),
        stakeholdersOf(
          [...missing].flatMap(([target, code]) => (concernsExperiment(code) ? target : [])),
        ).map(([entry, lost]) => ({
          to: `${entry.split('_')[0]}-operators@sandbox.test`,
          told: lost.map((target) => factOf(target, missing.get(target) ?? '')).sort(),
        })),
        'each experiment hears of its own nodes where that is about them, and of nothing else',
      )
      const reasons = readSpans(dir).filter(({ name }) => /^process (refresh|store|push)$/.test(name))
      assert.deepEqual(
        [
          ...new Set(
            reasons
              .filter(({ attributes }) => attributes['error.type'])
              .map(
                ({ attributes, isError }) =>
                  `${attributes['messaging.destination.name']} ${attributes['error.type']} ${isError}`,
              ),
          ),
        ].sort(),
        [...refreshes, ...own].map(([item, code]) => `${subjectOf(item)} ${code} true`).sort(),
        'the spans of what failed, and of nothing else, have the reason',
      )
      assertNoMisuse({ dir })
      assert.ok(!said.includes('\u001b'), 'a pipe gets no escape codes')
      assert.doesNotMatch(said, /^ {4}at /m, 'nobody gets a stack trace')
      await assertNothingLeft(dir)
      assert.deepEqual(await findLeaks(dir), [])
    })
})

/** As administrators hear of a fault: several things that hang on one cause are one. */
function causesOf({ cause, code, refreshes = [], targets = [] }: Fault): readonly string[] {
  const entries = [...new Set([...refreshes, ...targets.map((target) => target.split(' ')[0] ?? '')])]
  if (cause) return [`${cause} ← ${entries.sort().join(', ')}: ${code}`]
  return [
    ...refreshes.map((entry) => `${entry} → no token: ${code}`),
    ...targets.map((target) => factOf(target, code)),
  ]
}

function factOf(target: string, code: string): string {
  const [entry, , name] = target.split(' ')
  return `${entry} → ${name}.sandbox.test: ${code}`
}

/** The subject of a work item, as spans name it. */
function subjectOf(item: string): string {
  const [name = '', kind, target] = item.split(' ')
  const [experiment = '', role = ''] = name.split('_')
  if (!target) return refreshSubject({ experiment, role })
  const full = `${target}.sandbox.test`
  return kind === 'node' ? pushSubject({ experiment, role }, full) : storeSubject({ experiment, role }, full)
}

/** Each entry with the nodes of it that are missing, by address. */
function stakeholdersOf(missing: readonly string[]): [string, string[]][] {
  const lost = missing.filter((target) => target.includes(' node '))
  const entries = [...new Set(lost.map((target) => target.split(' ')[0] ?? ''))].sort()
  return entries.map((entry) => [entry, lost.filter((target) => target.startsWith(`${entry} `))])
}
