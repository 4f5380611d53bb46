/** SIGKILL at every step of a storer run: the kept vault token is the old or the new one, and /tmp is as it was found. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { readCalls } from '../../sandbox/calls.ts'
import type { SiteEntry } from '../../sandbox/entry.ts'
import { writeFaults } from '../../sandbox/faults.ts'
import { generateEntries } from '../../sandbox/generated-entries.ts'
import { hold, release, waitHeld } from '../../sandbox/hold.ts'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import { tokensOf } from '../support/canary.ts'
import { assertNoMisuse, findMisplaced } from '../support/site-ends.ts'
import { usePipeline } from '../support/use-pipeline.ts'

// One credd and no node: nothing runs that these tests do not look at.
const entries = generateEntries({ entries: 1, nodes: 0, credds: 1 })
const [{ account, credds }] = entries as [SiteEntry]
const service = 'exp01_production'

/** Each step of stage → run → verify → take back, as the hold point at which the daemon is killed. */
const steps: Record<string, string> = {
  'while it stages': 'condor_version',
  'before the storer asks Vault': `condor_vault_storer:${service}`,
  'while the storer has no vault token yet': `htgettoken-of-storer:${service}`,
  'when the storer has stored': `condor_vault_storer-done:${service}`,
  'before it verifies': `condor_store_cred:${service}`,
  'after it verified': `condor_store_cred-done:${service}`,
}

describe('a storer that is killed', { timeout: 400_000 }, () => {
  const at = usePipeline(() => ({ entries }))

  before(async () => {
    await at.pipe.finish((await at.pipe.startRun()).run)
  })

  for (const [when, point] of Object.entries(steps))
    it(`${when}: the next run finds a vault token, and none is left in /tmp`, async () => {
      const { site } = at.pipe
      const old = credds.map(kept)
      // An emptied credd makes the storer get new vault tokens; everything else it would take from the last run.
      emptyCredds()
      // The answer about the version is remembered: only a new daemon asks.
      if (point === 'condor_version') await at.pipe.killAndAwait('storer', 'SIGKILL')
      const { totals } = await killAt(point, () => {
        for (const [index, credd] of credds.entries())
          assert.ok(isIssued(kept(credd)) || kept(credd) === old[index], 'right after the kill')
      })
      assert.deepEqual(totals, { done: 1, failed: 0, superseded: 0, unfinished: 0 })
      for (const credd of credds) assert.ok(isIssued(kept(credd)), `${credd} has a kept vault token`)
      assert.deepEqual(await findMisplaced(site, [service]), [])
      assert.deepEqual(tokensInTmp(site.dir), [], '/tmp is as it was found')
      assertNoMisuse(site)
    })

  describe('where HTCondor knows no names of one’s own', () => {
    const theirs = ['vt_u0', `vt_u0-${service}`].map((name) => join('/tmp', name))
    const owner = (file: string) => `somebody’s own ${file}\n`

    before(async () => {
      writeFaults(at.pipe.site.dir, { 'old-condor': true })
      // The answer about the version is remembered: the next storer asks anew.
      await at.pipe.killAndAwait('storer', 'SIGKILL')
      for (const file of theirs) writeFileSync(file, owner(file), { mode: 0o600 })
    })

    after(() => {
      for (const file of theirs) rmSync(file, { force: true })
    })

    const assertTheirs = () => {
      for (const file of theirs) assert.equal(readFileSync(file, 'utf8'), owner(file))
    }

    it('files found under the shared names are put back after a run', async () => {
      emptyCredds()
      const { totals } = await at.pipe.finish((await at.pipe.startRun({ services: [service] })).run)
      assert.equal(totals.done, 1)
      assertTheirs()
      const shared = readdirSync('/tmp').filter((name) => /^[vb]t_u0/.test(name))
      assert.deepEqual(shared.sort(), ['vt_u0', `vt_u0-${service}`])
      assert.deepEqual(tokensInTmp(at.pipe.site.dir), [])
    })

    it('and after a kill', async () => {
      emptyCredds()
      const { totals } = await killAt(
        `condor_vault_storer-done:${service}`,
        () => undefined,
        () => {
          for (const file of theirs) assert.notEqual(read(file), owner(file), 'moved aside meanwhile')
        },
      )
      assert.equal(totals.done, 1)
      for (const credd of credds) assert.ok(isIssued(kept(credd)))
      assertTheirs()
      assertNoMisuse(at.pipe.site)
    })

    it('more lanes than one are refused before anything runs, and one lane is well again', async () => {
      const { config, dir } = at.pipe.site
      const text = readFileSync(config, 'utf8')
      const since = readCalls(dir).length
      writeFileSync(config, text.replace(/^storer:\n/m, 'storer:\n  lanes: 4\n'))
      const refused = await at.pipe.finish((await at.pipe.startRun({ services: [service] })).run)
      assert.deepEqual(
        refused.entries.flatMap(({ targets }) => targets.map(({ code }) => code)),
        ['lanes-refused'],
      )
      const stored = readCalls(dir).slice(since)
      assert.ok(!stored.some(({ program }) => program === 'condor_vault_storer'))
      writeFileSync(config, text)
      const { totals } = await at.pipe.finish((await at.pipe.startRun({ services: [service] })).run)
      assert.equal(totals.done, 1)
    })
  })

  /** Starts a run, kills the storer at the hold point, and returns how the next run ended. */
  async function killAt(point: string, look: () => void, lookBefore = () => {}): Promise<RunStatus> {
    const { dir } = at.pipe.site
    hold(dir, point)
    try {
      await at.pipe.startRun({ services: [service] })
      await waitHeld(dir, point)
      lookBefore()
      await at.pipe.killAndAwait('storer', 'SIGKILL')
      look()
    } finally {
      release(dir, point)
    }
    // A newer item is delivered at once; the killed one's would come after the ack wait.
    return at.pipe.finish((await at.pipe.startRun({ services: [service] })).run)
  }

  function emptyCredds(): void {
    for (const credd of credds)
      rmSync(join(at.pipe.site.layout.credds, credd, account), { recursive: true, force: true })
  }

  const kept = (credd: string) =>
    read(join(at.pipe.site.layout.state, 'storer', 'vault-tokens', `vt_u0-${credd}-${service}`))

  /** Whether Vault gave this token out for the service. */
  const isIssued = (token: string) =>
    read(at.pipe.site.layout.tokens)
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { token: string; kind: string; service: string })
      .some((one) => one.kind === 'vault' && one.service === service && one.token === token.trim())
})

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** What the site's storers, or htgettoken, have left there. Unfinished files of another site have other tokens. */
function tokensInTmp(dir: string): string[] {
  const ids = new Set(readCalls(dir).flatMap(({ env }) => env.CONDOR_VAULT_STORER_ID?.split('/')[0] ?? []))
  const tokens = tokensOf(dir).map(({ value }) => value)
  const isOurs = (name: string) =>
    [...ids].some((id) => name.includes(id)) ||
    (name.startsWith('.htgettoken') && tokens.includes(read(join('/tmp', name)).trim()))
  return readdirSync('/tmp').filter(isOurs)
}
