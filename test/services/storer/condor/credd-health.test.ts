/** What is remembered of credds that do not answer. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { watchCredds } from '../../../../services/storer/condor/credd-health.ts'
import { errorOf, failure, Permanent, Transient } from '../../../../shared/contracts/errors.ts'

const unreachable = new Transient(failure('credd-unreachable', 'nobody there'))
const killed = new Transient(failure('storer-timeout', 'it hung'))

/** A question that is counted. */
function probeOf(answer: boolean) {
  const ask = async () => {
    probe.asked += 1
    return answer
  }
  const probe = Object.assign(ask, { asked: 0 })
  return probe
}

describe('the health of credds', () => {
  it('asks nothing of a credd of which nothing bad is known', async () => {
    const probe = probeOf(false)
    await watchCredds().mustAnswer('c1', 'one', probe)
    assert.equal(probe.asked, 0)
  })

  for (const [what, error] of Object.entries({ unreachable, 'a killed storer': killed }))
    it(`asks a credd again after ${what}, and lets the run go on when it answers`, async () => {
      const credds = watchCredds()
      credds.learn('c1', error)
      assert.equal(credds.isTroubled('c1'), true)
      assert.equal(credds.isTroubled('c2'), false)
      await credds.mustAnswer('c1', 'one', probeOf(true))
      assert.equal(credds.isTroubled('c1'), false)
    })

  it('asks a silent credd once for many services, and again later', async () => {
    let now = 1
    const credds = watchCredds(() => now)
    credds.learn('c1', unreachable)
    const silent = probeOf(false)
    for (let tries = 0; tries < 5; tries++)
      await assert.rejects(credds.mustAnswer('c1', 'one', silent), { message: 'c1 does not answer.' })
    assert.equal(silent.asked, 1)
    now += 60_000
    await credds.mustAnswer('c1', 'one', probeOf(true))
    assert.equal(credds.isTroubled('c1'), false)
  })

  it('asks again for a newer run, however soon', async () => {
    const credds = watchCredds(() => 1)
    credds.learn('c1', unreachable)
    await assert.rejects(credds.mustAnswer('c1', 'one', probeOf(false)))
    await credds.mustAnswer('c1', 'two', probeOf(true))
    assert.equal(credds.isTroubled('c1'), false)
  })

  for (const code of ['credd-not-allowed', 'credd-misconfigured', 'scope-mismatch'] as const)
    it(`takes a refusal for an answer: ${code}`, () => {
      const credds = watchCredds()
      credds.learn('c1', unreachable)
      credds.learn('c1', errorOf(failure(code, 'not you')))
      assert.equal(credds.isTroubled('c1'), false)
    })

  it('holds nothing against a credd that another reason came from', () => {
    const credds = watchCredds()
    credds.learn('c1', new Permanent(failure('authentication-needed', 'log in')))
    credds.learn('c1', new Transient(failure('vault-unreachable', 'Vault is down')))
    credds.learn('c1', new Error('a bug'))
    assert.equal(credds.isTroubled('c1'), false)
  })

  it('forgets it all when something was stored there', () => {
    const credds = watchCredds()
    credds.learn('c1', unreachable)
    credds.learn('c1', undefined)
    assert.equal(credds.isTroubled('c1'), false)
  })
})
