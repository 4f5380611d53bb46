/** What goes wrong behind Vault, at the token issuer: told as what it is, and nobody is asked to log in for it. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type Faults, writeFaults } from '../../sandbox/faults.ts'
import { encodeToken } from '../../shared/contracts/subjects.ts'
import { eventually } from '../support/latch.ts'
import { assertNoMisuse } from '../support/site-ends.ts'
import { usePipeline } from '../support/use-pipeline.ts'

const settings = { vault: { rateLimitPause: '2s' } }
const all = ['dune_production', 'dune-2_production', 'mu2e_production', 'nova_analysis'] as const

describe('at the token issuer', { timeout: 400_000 }, () => {
  const at = usePipeline(() => ({ settings }))

  /** Each entry's end, with what is said to be at fault, and who was told to log in. */
  async function runWith(faults: Faults) {
    writeFaults(at.dir, faults)
    const before = new Set(readdirSync(at.pipe.site.layout.mail))
    const { run } = await at.pipe.startRun()
    const { entries } = await at.pipe.finish(run)
    const failed = (await at.pipe.storedFacts(run)).filter(({ subject }) =>
      subject.startsWith('token.failed.'),
    )
    const causes = new Map(failed.map(({ body }) => [body.entry, body.causeName]))
    const mails = readdirSync(at.pipe.site.layout.mail)
      .filter((file) => !before.has(file))
      .map((file) => readFileSync(join(at.pipe.site.layout.mail, file), 'utf8').replaceAll('=\r\n', ''))
    return {
      ends: Object.fromEntries(
        entries.map(({ entry, refresh }) => [
          entry,
          [refresh.code ?? refresh.state, causes.get(entry)].filter(Boolean).join(' of '),
        ]),
      ),
      asked: all.filter((name) => mails.some((mail) => mail.includes(`onboard ${name}`))),
    }
  }

  it('an outage, refusals of Vault and a login that is over are told apart; only for the last one somebody is to log in', async () => {
    const { ends, asked } = await runWith({
      'issuer-down': ['dune_production', 'dune-2_production'],
      'issuer-unknown': ['mu2e_production'],
      'login-revoked': ['nova_analysis'],
    })
    assert.deepEqual(ends, {
      dune_production: 'issuer-unreachable of dune at localhost',
      'dune-2_production': 'issuer-unreachable of dune at localhost',
      mu2e_production: 'issuer-unreachable of mu2e at localhost',
      nova_analysis: 'authentication-needed',
    })
    assert.deepEqual(asked, ['nova_analysis'])
    const refused = await runWith({ 'issuer-refuses-vault': [...all] })
    assert.deepEqual(
      new Set(Object.values(refused.ends).map((end) => end.split(' ')[0])),
      new Set(['issuer-misconfigured']),
    )
    assert.deepEqual(refused.asked, [])
  })

  const keptToken = (name: string) =>
    join(at.pipe.site.layout.state, 'refresher', 'tokens', encodeToken(name), 'vault-token')

  it('a kept vault token that is refused hides nothing, and is gone', async () => {
    assert.deepEqual(new Set(Object.values((await runWith({})).ends)), new Set(['done']))
    assert.ok(existsSync(keptToken('nova_analysis')))
    const { ends } = await runWith({
      'vault-tokens-revoked': ['nova_analysis', 'mu2e_production'],
      'needs-onboarding': ['nova_analysis'],
      'issuer-down': ['mu2e_production'],
    })
    assert.equal(ends.nova_analysis, 'authentication-needed')
    assert.equal(ends.mu2e_production, 'issuer-unreachable of mu2e at localhost')
    assert.equal(ends.dune_production, 'done')
    assert.equal(existsSync(keptToken('nova_analysis')), false)
    assert.ok(existsSync(keptToken('dune_production')))
  })

  it('a rate limit that only the daemon’s own question meets starts the pause, and fails nothing', async () => {
    writeFaults(at.dir, { 'lookup-rate-limit': true })
    const log = join(at.pipe.site.layout.logs, 'refresher.log')
    const { run } = await at.pipe.startRun()
    await eventually(async () => /Vault asks for a pause/.test(readFileSync(log, 'utf8')), 'a pause')
    writeFaults(at.dir, {})
    const { totals } = await at.pipe.finish(run)
    assert.deepEqual([totals.done, totals.failed], [10, 0])
  })

  it('and no program was used in a way that it must not be', () => assertNoMisuse({ dir: at.dir }))
})
