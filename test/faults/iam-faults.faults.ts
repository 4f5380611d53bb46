/** A token issuer's faults at a whole site without Vault: each with its reason, and with whose turn it is. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type Faults, writeFaults } from '../../sandbox/faults.ts'
import { reasons } from '../../shared/contracts/reasons.ts'
import { eventually } from '../support/latch.ts'
import { useIamPipeline } from '../support/use-iam-pipeline.ts'

interface Case {
  readonly faults: Faults
  readonly code: keyof typeof reasons
  readonly turn: 'experiment' | 'administrators'
  /** Default: one whose client asks for itself. */
  readonly service?: string
}

const administrators = 'administrators'
/** In an order in which what the issuer says of itself is asked anew where that matters: after a refusal. */
const cases: Record<string, Case> = {
  'shows an expired certificate': {
    ...{ faults: { 'iam-tls': 'expired' }, code: 'issuer-tls', turn: administrators },
  },
  'shows a certificate of an unknown authority': {
    ...{ faults: { 'iam-tls': 'unknown' }, code: 'issuer-tls', turn: administrators },
  },
  'is down': { faults: { 'iam-down': true }, code: 'issuer-unreachable', turn: administrators },
  hangs: { faults: { 'iam-hangs': true }, code: 'issuer-unreachable', turn: administrators },
  'answers with 500': { faults: { 'iam-error': 500 }, code: 'issuer-unreachable', turn: administrators },
  'answers with what is no JSON': {
    ...{ faults: { 'iam-answers': 'garbage' }, code: 'issuer-unreachable', turn: administrators },
  },
  'answers with 10 MB': {
    ...{ faults: { 'iam-answers': 'endless' }, code: 'issuer-unreachable', turn: administrators },
  },
  'has a clock ten minutes ahead': {
    ...{ faults: { 'iam-clock': 600 }, code: 'clock-skew', turn: administrators },
  },
  'refuses the client': {
    ...{ faults: { 'iam-refuses': 'invalid_client' }, code: 'issuer-misconfigured', turn: administrators },
  },
  'says that it is another one': {
    ...{ faults: { 'iam-answers': 'another-issuer' }, code: 'issuer-misconfigured', turn: administrators },
  },
  'leads to another host': {
    ...{ faults: { 'iam-answers': 'redirect' }, code: 'issuer-misconfigured', turn: administrators },
  },
  'does not say when its token ends': {
    ...{ faults: { 'iam-answers': 'opaque-no-expiry' }, code: 'issuer-misconfigured', turn: administrators },
  },
  'refuses the scope': {
    ...{ faults: { 'iam-refuses': 'invalid_scope' }, code: 'bearer-refused', turn: administrators },
  },
  'refuses the audience': {
    ...{ faults: { 'iam-refuses': 'invalid_target' }, code: 'bearer-refused', turn: administrators },
  },
  'refuses the login of a person': {
    ...{ faults: { 'iam-refuses': 'invalid_grant' }, code: 'authentication-needed', turn: 'experiment' },
    service: 'cms_analysis',
  },
}

describe('a token issuer of a site without Vault', { timeout: 400_000 }, () => {
  const at = useIamPipeline()

  /** The mails in which somebody is asked to log in. */
  const logins = () =>
    readdirSync(at.site.layout.mail)
      .map((file) => readFileSync(join(at.site.layout.mail, file), 'utf8').replaceAll('=\r\n', ''))
      .filter((mail) => mail.includes('managed-tokens onboard'))
  const runOf = (service: string) => at.pipe.startRun({ services: [service] })

  for (const [what, { faults, code, turn, service = 'cms_production' }] of Object.entries(cases))
    it(`${what}: ${code}, for ${turn}`, async () => {
      writeFaults(at.site.dir, faults)
      const { run } = await runOf(service)
      const { body } = await at.pipe.facts.until(
        `${code} is told`,
        (fact) => fact.body.run === run && fact.subject.startsWith('token.failed.'),
        120_000,
      )
      writeFaults(at.site.dir, {})
      // Until then a second question for a run of the same is answered with this one.
      await at.pipe.finish(run, 120_000)
      assert.equal(body.code, code, String(body.message))
      assert.equal(body.action, reasons[code].action.replaceAll('{service}', service))
      assert.equal(reasons[code].turn, turn)
      if (turn === 'experiment') await eventually(async () => logins().length > 0, 'a mail')
    })

  it('asks nobody to log in but whose login it refuses', () => {
    assert.ok(logins().length > 0)
    for (const mail of logins()) assert.match(mail, /managed-tokens onboard cms_analysis/)
  })

  it('that wants a pause, or signs with its next key, fails nothing', async () => {
    for (const faults of [{ 'iam-rate-limit': 2 }, { 'iam-rollover': true }] as const) {
      writeFaults(at.site.dir, faults)
      const { run } = await runOf('cms_production')
      const { totals } = await at.pipe.finish(run, 120_000)
      assert.deepEqual([totals.done, totals.failed], [2, 0], Object.keys(faults).join())
    }
  })
})
