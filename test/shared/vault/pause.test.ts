import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { Site } from '../../../shared/config/site.ts'
import { failure, RetryLater, Transient } from '../../../shared/contracts/errors.ts'
import { vaultBudgetKey, vaultPauseKey } from '../../../shared/contracts/subjects.ts'
import { openVaultBudget } from '../../../shared/vault/budget.ts'
import { openVaultPause, type VaultPause } from '../../../shared/vault/pause.ts'
import { latch } from '../../support/latch.ts'
import { createRecorder } from '../../support/recorder.ts'
import { openRefreshQueue, type RefreshQueue, silent } from '../../support/refresh-queue.ts'

const pauseMs = 60_000
const site = () => ({ vault: { rateLimitPause: pauseMs } }) as Site
const never = new AbortController().signal
const asks = { requests: 2, signal: never }
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString()
const limited = new Transient(failure('rate-limited', 'Vault asks for a pause.'))

describe('leaving Vault alone', () => {
  let queue: RefreshQueue
  before(async () => {
    queue = await openRefreshQueue()
  })
  after(() => queue[Symbol.asyncDispose]())
  beforeEach(async () => {
    await queue.targets.delete(vaultPauseKey)
    await queue.targets.delete(vaultBudgetKey)
  })

  /** As a daemon has it; what it warns of is kept. */
  function openDaemon() {
    const warned = createRecorder<string>()
    const log = silent.child({})
    log.warn = (_fields: unknown, message?: string) => void warned.add(message ?? '')
    const budget = openVaultBudget(queue.targets, site, log)
    return { pause: openVaultPause(queue.targets, site, { budget, log }), budget, warned }
  }
  const isPaused = (pause: VaultPause) =>
    pause
      .afterPause(inAnHour(), async () => 'asked', asks)
      .then(
        () => assert.fail('it should wait'),
        (error: unknown) => {
          assert.ok(error instanceof RetryLater)
          return error.delayMs
        },
      )

  it('without a word from Vault nobody waits, however much is asked', async () => {
    const { pause, budget } = openDaemon()
    for (let asked = 0; asked < 120; asked++) assert.equal(await budget.pace(6, never), false)
    assert.equal(await pause.afterPause(inAnHour(), async () => 'asked', asks), 'asked')
  })

  it('what one daemon meets stops the other, in the middle of its work too, and slows both', async () => {
    const [one, other] = [openDaemon(), openDaemon()]
    const begun = latch()
    const interrupted = other.pause.afterPause(
      inAnHour(),
      (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('killed')))
          begun.open()
        }),
      asks,
    )
    const isStopped = assert.rejects(interrupted, RetryLater)
    await begun.opened
    const met = one.pause.afterPause(inAnHour(), () => Promise.reject(limited), asks)
    await assert.rejects(met, { name: 'RetryLater', delayMs: pauseMs })
    await isStopped
    const delayMs = await isPaused(other.pause)
    assert.ok(delayMs > pauseMs / 2 && delayMs <= pauseMs + 1_000, `${delayMs}`)
    const left = (await queue.targets.get(vaultBudgetKey))?.json<{ limit?: { rate: number } }>()
    assert.equal(left?.limit?.rate, 120)
  })

  it('a pause of a year is cut short, and that is said once', async () => {
    const until = new Date(Date.now() + 365 * 86_400_000).toISOString()
    await queue.targets.put(vaultPauseKey, JSON.stringify({ until }))
    const { pause, warned } = openDaemon()
    assert.ok((await isPaused(pause)) <= pauseMs + 1_000)
    assert.ok((await isPaused(pause)) <= pauseMs + 1_000)
    assert.equal(warned.all.filter((line) => /cut short/.test(line)).length, 1)
  })

  for (const [what, value] of [
    ['no JSON', 'garbage'],
    ['of another kind', '{"until":7,"paidUntil":"soon"}'],
    ['a list', '[]'],
  ] as const)
    it(`what cannot be read stops nobody: ${what}`, async () => {
      await queue.targets.put(vaultPauseKey, value)
      await queue.targets.put(vaultBudgetKey, value)
      const { pause } = openDaemon()
      assert.equal(await pause.afterPause(inAnHour(), async () => 'asked', asks), 'asked')
    })
})
