/** Storing without condor_vault_storer, in four lanes: everything arrives, a second run costs Vault nothing, and what goes wrong is told as with it. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, beforeEach, describe, it } from 'node:test'
import { readCalls } from '../../sandbox/calls.ts'
import { type Faults, writeFaults } from '../../sandbox/faults.ts'
import { hold, release, waitHeld } from '../../sandbox/hold.ts'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import { eventually } from '../support/latch.ts'
import { patience } from '../support/patience.ts'
import type { Pipeline } from '../support/pipeline.ts'
import { assertNoMisuse, findMisplaced } from '../support/site-ends.ts'
import { usePipeline } from '../support/use-pipeline.ts'

const credd1 = 'credd1.sandbox.test'
/** Long enough for what works, on a machine that has other things to do; one test waits for it. */
const timeouts = { ...patience.timeouts, vaultStorerTimeout: '20s' }

describe('storing without condor_vault_storer', { timeout: 600_000 }, () => {
  const at = usePipeline((around) => ({
    settings: {
      timeouts,
      storer: { lanes: 4, method: 'direct' },
      refresher: { htgettoken: talkative(around) },
    },
  }))

  before(async () => assert.deepEqual(failedOf(await runWith({})), []))

  beforeEach(() => writeFaults(at.pipe.site.dir, {}))

  async function runWith(faults: Faults, body: object = {}): Promise<RunStatus> {
    writeFaults(at.pipe.site.dir, faults)
    const { run } = await at.pipe.startRun(body)
    return at.pipe.finish(run, 240_000)
  }

  /** What the storer has run, by program and first word, since a place in the record. */
  const storerCalls = (since: number) =>
    readCalls(at.pipe.site.dir)
      .slice(since)
      .filter(({ credd }) => credd)
      .map(({ program, argv }) => (program === 'htgettoken' ? program : `${program} ${argv[0]}`))

  it('puts everything where it belongs, and condor_vault_storer is never run', async () => {
    assert.deepEqual(await findMisplaced(at.pipe.site), [])
    const programs = new Set(readCalls(at.pipe.site.dir).map(({ program }) => program))
    assert.ok(programs.has('condor_store_cred') && !programs.has('condor_vault_storer'))
    assertNoMisuse(at.pipe.site)
  })

  it('costs one question to each credd where nothing is to be done', async () => {
    const before = readCalls(at.pipe.site.dir).length
    const status = await runWith({}, { services: ['mu2e_production'] })
    assert.equal(status.totals.failed, 0)
    const calls = storerCalls(before)
    assert.deepEqual(calls, ['condor_store_cred query-oauth', 'condor_store_cred query-oauth'])
  })

  it('stores anew what has become old, and verifies it', async () => {
    const top = join(at.pipe.site.layout.credds, credd1, 'dunepro', 'dune_production.top')
    const before = readFileSync(top, 'utf8')
    const eightDaysAgo = Date.now() / 1_000 - 8 * 86_400
    utimesSync(top, eightDaysAgo, eightDaysAgo)
    const since = readCalls(at.pipe.site.dir).length
    await runWith({}, { services: ['dune_production'] })
    assert.notEqual(readFileSync(top, 'utf8'), before)
    assert.deepEqual(storerCalls(since), [
      ...['condor_store_cred query-oauth', 'htgettoken'],
      ...['condor_store_cred add-oauth', 'condor_store_cred query-oauth'],
    ])
    assert.deepEqual(await findMisplaced(at.pipe.site), [])
  })

  const refusals: Record<string, [Faults, string]> = {
    'lets no account write': [{ 'credd-refuses': ['credd1'] }, 'credd-not-allowed'],
    'takes no Kerberos login': [{ 'credd-refuses-login': ['credd1'] }, 'credd-misconfigured'],
    'has no directory for credentials': [{ 'credd-misconfigured': ['credd1'] }, 'credd-misconfigured'],
    'does not trust Vault': [{ 'untrusted-vault-host': ['credd1'] }, 'untrusted-vault-host'],
  }
  for (const [what, [faults, code]] of Object.entries(refusals))
    it(`a credd that ${what}: ${code}`, async () => {
      forgetStored(at.pipe, credd1)
      const status = await runWith(faults, { services: ['dune_production'] })
      assert.deepEqual(failedOf(status), ['dune_production credd1'])
      assert.deepEqual(await codesOf(at.pipe, status.run), [code])
    })

  it('a credd with new keys takes no older ticket: a new one heals it in the same run', async () => {
    forgetStored(at.pipe, credd1)
    const status = await runWith({ 'credd-new-keys': ['credd1'] }, { services: ['dune_production'] })
    assert.deepEqual(failedOf(status), [])
    assert.deepEqual(await findMisplaced(at.pipe.site, ['dune_production']), [])
  })

  const remains: Record<string, (top: string) => void> = {
    'is broken': (top) => writeFileSync(top, ''),
    'is gone, with the bearer token still there': (top) => rmSync(top),
  }
  for (const [what, spoil] of Object.entries(remains))
    it(`replaces a credential that ${what}`, async () => {
      await runWith({}, { services: ['dune_production'] })
      spoil(join(at.pipe.site.layout.credds, credd1, 'dunepro', 'dune_production.top'))
      assert.deepEqual(failedOf(await runWith({}, { services: ['dune_production'] })), [])
      assert.deepEqual(await findMisplaced(at.pipe.site, ['dune_production']), [])
    })

  const ends: Record<string, [Faults, string]> = {
    'hangs, immune to SIGTERM, with a child': [{ 'storer-hangs': ['dune_production'] }, 'storer-timeout'],
    'ends well with nothing stored': [{ 'storer-stores-nothing': ['dune_production'] }, 'nothing-stored'],
    'leaves another service’s token': [{ 'storer-wrong-service': ['dune_production'] }, 'wrong-token'],
  }
  for (const [what, [faults, code]] of Object.entries(ends))
    it(`what ${what}: ${code}, and nothing of it is left`, async () => {
      forgetStored(at.pipe, credd1)
      const status = await runWith(faults, { services: ['dune_production', 'mu2e_production'] })
      assert.deepEqual(failedOf(status), ['dune_production credd1'])
      assert.deepEqual(await codesOf(at.pipe, status.run), [code])
      await eventually(async () => storerProcesses(at.pipe.site.dir).length === 0, 'no process of a storer')
      // What was stored and should not be there would be taken for good by the next run.
      assert.equal(
        existsSync(join(at.pipe.site.layout.credds, credd1, 'dunepro', 'dune_production.top')),
        false,
      )
      assertNoMisuse(at.pipe.site)
    })

  it('an htgettoken that prints 1 GB does its work, and the daemon stays small', async () => {
    forgetStored(at.pipe, credd1)
    const flood = join(at.around, 'flood')
    writeFileSync(flood, '')
    const status = await runWith({}, { services: ['dune_production'] })
    rmSync(flood)
    assert.deepEqual([failedOf(status), existsSync(`${flood}ed`)], [[], true])
    const pid = at.pipe.supervisor.pids().storer
    const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024
    assert.ok(peak < 150, `the storer took ${peak} MB at most`)
  })

  it('a killed storer’s command keeps its own work out until it is ended by the next one', async () => {
    forgetStored(at.pipe, credd1)
    const point = 'htgettoken-of-storer:dune_production'
    hold(at.pipe.site.dir, point)
    await at.pipe.startRun({ services: ['dune_production'] })
    await waitHeld(at.pipe.site.dir, point)
    await at.pipe.killAndAwait('storer', 'SIGKILL')
    release(at.pipe.site.dir, point)
    const { totals } = await at.pipe.finish(
      (await at.pipe.startRun({ services: ['dune_production'] })).run,
      240_000,
    )
    assert.equal(totals.failed, 0)
    assert.deepEqual(await findMisplaced(at.pipe.site, ['dune_production']), [])
    assertNoMisuse(at.pipe.site)
  })

  it('HTCondor without private names is no hindrance: nothing is in /tmp', async () => {
    forgetStored(at.pipe, credd1)
    const status = await runWith({ 'old-condor': true }, { services: ['dune_production'] })
    assert.deepEqual(failedOf(status), [])
  })
})

/** htgettoken after 1 GB on its standard error, while the file `flood` is there and it runs for a credd. */
function talkative(path: string): string {
  const file = join(path, 'talkative')
  writeFileSync(
    file,
    `#!/bin/sh
if [ -e ${path}/flood ] && [ "$_condor_CREDD_HOST" ]; then
  head -c 1G /dev/zero >&2
  : >${path}/flooded
fi
exec ${path}/site/bin/htgettoken "$@"
`,
  )
  chmodSync(file, 0o755)
  return file
}

/** Takes every credential from a credd, as its sweeper or a reinstallation would. */
function forgetStored({ site }: Pipeline, credd: string): void {
  for (const account of readdirSync(join(site.layout.credds, credd)))
    rmSync(join(site.layout.credds, credd, account), { recursive: true, force: true })
}

/** `entry target` of what failed in the run. */
const failedOf = ({ entries }: RunStatus) =>
  entries
    .flatMap(({ entry, targets }) =>
      targets.filter(({ state }) => state === 'failed').map(({ name }) => `${entry} ${name.split('.')[0]}`),
    )
    .sort()

async function codesOf(pipe: Pipeline, run: string): Promise<string[]> {
  const facts = await pipe.storedFacts(run)
  const failed = facts.filter(({ subject }) => subject.startsWith('token.failed.'))
  return [...new Set(failed.map(({ body }) => String(body.code)))].sort()
}

/** Processes of any storer run: all of them carry its id. */
function storerProcesses(dir: string): string[] {
  const read = (file: string) => (existsSync(file) ? readOrEmpty(file) : '')
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => read(`/proc/${pid}/environ`))
    .filter((environ) => environ.includes(`=${dir}`) && environ.includes('\0CONDOR_VAULT_STORER_ID='))
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
