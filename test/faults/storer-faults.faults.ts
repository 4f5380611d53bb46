/** What goes wrong around condor_vault_storer: each has its own reason, holds up nobody else, and leaves nothing behind. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, beforeEach, describe, it } from 'node:test'
import { type Faults, writeFaults } from '../../sandbox/faults.ts'
import { hold, release, waitHeld } from '../../sandbox/hold.ts'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import { readMailsAbout } from '../support/admin-mails.ts'
import { eventually } from '../support/latch.ts'
import { patience } from '../support/patience.ts'
import type { Pipeline } from '../support/pipeline.ts'
import { assertNoMisuse, findMisplaced } from '../support/site-ends.ts'
import { usePipeline } from '../support/use-pipeline.ts'

const credd1 = 'credd1.sandbox.test'
const credd2 = 'credd2.sandbox.test'
/** Long enough for a storer that works, on a machine that has other things to do; three tests wait for it. */
const timeouts = { ...patience.timeouts, vaultStorerTimeout: '15s' }

describe('a storer run that goes wrong', { timeout: 400_000 }, () => {
  const at = usePipeline((around) => ({
    settings: { timeouts, storer: { condorVaultStorer: talkative(around) } },
  }))

  before(async () => {
    const { totals } = await runWith({})
    assert.equal(totals.failed, 0)
  })

  beforeEach(() => writeFaults(at.pipe.site.dir, {}))

  async function runWith(faults: Faults, body: object = {}): Promise<RunStatus> {
    writeFaults(at.pipe.site.dir, faults)
    const { run } = await at.pipe.startRun(body)
    return at.pipe.finish(run)
  }

  const silences: Record<string, [Faults, string[]]> = {
    dead: [{ 'credd-down': ['credd2'] }, ['credd-unreachable']],
    hanging: [{ 'credd-hangs': ['credd2'] }, ['storer-timeout', 'credd-unreachable']],
    refusing: [{ 'credd-refuses': ['credd2'] }, ['credd-not-allowed']],
    'refusing every login': [{ 'credd-refuses-login': ['credd2'] }, ['credd-misconfigured']],
    complaining: [{ 'credd-misconfigured': ['credd2'] }, ['credd-misconfigured']],
  }
  for (const [what, [faults, codes]] of Object.entries(silences))
    it(`one credd ${what}: the other has everything, nodes wait for nobody, only that one is reported`, async () => {
      forgetStored(at.pipe, credd1)
      const status = await runWith(faults)
      assert.deepEqual(failedOf(status), ['dune-2_production credd2', 'mu2e_production credd2'])
      assert.deepEqual(await findMisplaced(at.pipe.site), [])
      const facts = await at.pipe.storedFacts(status.run)
      const reported = facts.filter(({ subject }) => subject.startsWith('token.failed.'))
      assert.deepEqual(
        reported.filter(({ body }) => body.target !== credd2 || !codes.includes(String(body.code))),
        [],
      )
      assert.equal(facts.filter(({ subject }) => subject.startsWith('token.pushed.')).length, 6)
      assertNoMisuse(at.pipe.site)
    })

  it('a credd with new keys takes no older ticket: a new one heals it in the same run', async () => {
    forgetStored(at.pipe, credd1)
    assert.deepEqual(failedOf(await runWith({ 'credd-new-keys': ['credd1', 'credd2'] })), [])
    assert.deepEqual(await findMisplaced(at.pipe.site), [])
    assertNoMisuse(at.pipe.site)
  })

  it('while a storer stands still, and nothing is stored yet, nodes get their tokens', async () => {
    const points = ['dune_production', 'mu2e_production'].map((service) => `condor_vault_storer:${service}`)
    for (const point of points) hold(at.pipe.site.dir, point)
    const { run } = await at.pipe.startRun()
    const heard = (kind: string) =>
      at.pipe.facts.all.filter(
        ({ subject, body }) => body.run === run && subject.startsWith(`token.${kind}.`),
      )
    await eventually(async () => heard('pushed').length === 6, 'six pushes')
    assert.deepEqual(heard('stored'), [])
    for (const point of points) release(at.pipe.site.dir, point)
    await at.pipe.finish(run)
    assertNoMisuse(at.pipe.site)
  })

  it('Vault away in the middle of a run: an outage, and nobody is asked to log in', async () => {
    hold(at.pipe.site.dir, 'condor_vault_storer:mu2e_production')
    const { run } = await at.pipe.startRun({ services: ['mu2e_production'] })
    await waitHeld(at.pipe.site.dir, 'condor_vault_storer:mu2e_production')
    writeFaults(at.pipe.site.dir, { 'vault-down': true })
    release(at.pipe.site.dir, 'condor_vault_storer:mu2e_production')
    const status = await at.pipe.finish(run)
    assert.deepEqual(failedOf(status), ['mu2e_production credd1', 'mu2e_production credd2'])
    assert.deepEqual(await codesOf(at.pipe, run), ['vault-unreachable'])
  })

  const ends: Record<string, [Faults, string]> = {
    'hangs, immune to SIGTERM, with a child': [{ 'storer-hangs': ['dune_production'] }, 'storer-timeout'],
    'ends well having done nothing': [{ 'storer-stores-nothing': ['dune_production'] }, 'nothing-stored'],
    'leaves another service’s token': [{ 'storer-wrong-service': ['dune_production'] }, 'wrong-token'],
  }
  for (const [what, [faults, code]] of Object.entries(ends))
    it(`a storer that ${what}: ${code}, and no process of it is left`, async () => {
      const status = await runWith(faults, { services: ['dune_production', 'mu2e_production'] })
      assert.deepEqual(failedOf(status), ['dune_production credd1'])
      assert.deepEqual(await codesOf(at.pipe, status.run), [code])
      await eventually(async () => storerProcesses(at.pipe.site.dir).length === 0, 'no process of a storer')
      assertNoMisuse(at.pipe.site)
    })

  it('a stranger who holds the host’s lock is reported, and once the lock is free the work is done', async (t) => {
    const lock = join(at.pipe.site.layout.state, 'storer.lock')
    const stranger = spawn('flock', [lock, 'sh', '-c', 'echo held; exec cat'])
    // Whoever is last to have the lock goes when its input ends.
    t.after(() => stranger.stdin.end())
    await once(stranger.stdout, 'data')
    const { run } = await at.pipe.startRun({ services: ['dune_production'] })
    const status = await at.pipe.finish(run)
    assert.deepEqual(failedOf(status), ['dune_production credd1'])
    assert.deepEqual(await codesOf(at.pipe, run), ['storer-locked'])
    stranger.stdin.end()
    await at.pipe.untilStatus(run, 'the credd has its token', ({ totals }) => totals.failed === 0)
  })

  it('a storer that prints 1 GB does its work, and the daemon stays small', async () => {
    const flood = join(at.around, 'flood')
    writeFileSync(flood, '')
    const status = await runWith({}, { services: ['dune_production'] })
    rmSync(flood)
    assert.deepEqual([failedOf(status), existsSync(`${flood}ed`)], [[], true])
    const pid = at.pipe.supervisor.pids().storer
    const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024
    assert.ok(peak < 150, `the storer took ${peak} MB at most`)
  })

  it('each token that is stored is a line in the log, with what is kept of it here and how long it lives', async () => {
    const status = await runWith({}, { services: ['mu2e_production'] })
    const lines = logOf(at.pipe, status.run).filter(({ msg }) => msg === 'vault token stored')
    const told = lines.map(({ service, credd, file }) => [service, credd, existsSync(String(file))])
    assert.deepEqual(told.sort(), [
      ['mu2e_production', credd1, true],
      ['mu2e_production', credd2, true],
    ])
    for (const { expiry, lifeSeconds } of lines) {
      assert.ok(Date.parse(String(expiry)) > Date.now())
      assert.ok(Number(lifeSeconds) > 27 * 86_400)
    }
  })

  it('a credd whose credential monitor does not work has its token, and that jobs get none of it is told', async () => {
    const { layout } = at.pipe.site
    const top = join(layout.credds, credd1, 'dunepro', 'dune_production.top')
    const anHourAgo = Date.now() / 1_000 - 3_600
    utimesSync(top, anHourAgo, anHourAgo)
    rmSync(top.replace(/top$/, 'use'), { force: true })
    const status = await runWith({ 'credmon-down': ['credd1'] }, { services: ['dune_production'] })
    assert.deepEqual(failedOf(status), [])
    const facts = await at.pipe.storedFacts(status.run)
    const stored = facts.find(({ subject }) => subject.startsWith('token.stored.'))
    assert.equal(stored?.body.waitingSince, new Date(Math.floor(anHourAgo) * 1_000).toISOString())
    const warned = logOf(at.pipe, status.run).filter(
      ({ level, waitingSince }) => level === 'warn' && waitingSince,
    )
    assert.deepEqual(
      warned.map(({ service, credd }) => [service, credd]),
      [['dune_production', credd1]],
    )
    const mails = await readMailsAbout('', at.pipe.site.dir)
    assert.ok(
      mails.some(({ text }) => text.includes('no credential monitor has looked at it')),
      'the administrators hear of it',
    )
    forgetStored(at.pipe, credd1)
    assert.deepEqual(failedOf(await runWith({}, { services: ['dune_production'] })), [])
  })

  it('a credential that is gone, with the bearer token still there, is told and then stored anew', async () => {
    const top = join(at.pipe.site.layout.credds, credd1, 'dunepro', 'dune_production.top')
    rmSync(top)
    const status = await runWith({}, { services: ['dune_production'] })
    assert.deepEqual(await codesOf(at.pipe, status.run), ['nothing-stored'])
    assert.deepEqual(failedOf(await runWith({}, { services: ['dune_production'] })), [])
    assert.ok(existsSync(top))
  })

  it('a credd swept empty behind our back is filled again by the next run, without a login', async () => {
    forgetStored(at.pipe, credd1)
    const logins = personsLogins(at.pipe)
    const status = await runWith({})
    assert.deepEqual(failedOf(status), [])
    assert.deepEqual(await findMisplaced(at.pipe.site), [])
    assert.deepEqual(personsLogins(at.pipe), logins)
  })
})

/** condor_vault_storer after 1 GB on its standard error, while the file `flood` is there. */
function talkative(path: string): string {
  const file = join(path, 'talkative')
  writeFileSync(
    file,
    `#!/bin/sh
if [ -e ${path}/flood ]; then
  head -c 1G /dev/zero >&2
  : >${path}/flooded
fi
exec ${path}/site/bin/condor_vault_storer "$@"
`,
  )
  chmodSync(file, 0o755)
  return file
}

/** What the storer has logged in a run. */
const logOf = ({ site }: Pipeline, run: string) =>
  readFileSync(join(site.layout.logs, 'storer.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes(run))
    .map((line) => JSON.parse(line) as Record<string, unknown>)

/** Takes every credential from a credd, as its sweeper or a reinstallation would. */
function forgetStored({ site }: Pipeline, credd: string): void {
  for (const account of readdirSync(join(site.layout.credds, credd)))
    rmSync(join(site.layout.credds, credd, account), { recursive: true, force: true })
}

/** How often Vault was asked for a login by a person. */
const personsLogins = ({ site }: Pipeline) =>
  read(join(site.layout.vault, 'requests.jsonl')).split('/oidc/').length

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
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/environ`).includes(`=${dir}`))
    .filter((pid) => read(`/proc/${pid}/environ`).includes('\0CONDOR_VAULT_STORER_ID='))
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
