/** A login whose refresh token may be used once: the refresher killed at every step, replicas side by side, the bus emptied. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Login } from '../../../../services/refresher/logins/login.ts'
import type { LoginCopies } from '../../../../services/refresher/logins/login-copies.ts'
import type { LoginFiles } from '../../../../services/refresher/logins/login-files.ts'
import {
  type LoginKeeping,
  reconcile,
  settleMs,
  useLogin,
} from '../../../../services/refresher/logins/use-login.ts'
import { RetryLater } from '../../../../shared/contracts/errors.ts'
import { keepingInMemory, loginOf, openBus, openDisk } from './in-memory.ts'

const entry = 'cms_analysis'
const mostMs = 30_000

class Killed extends Error {}
class InvalidGrant extends Error {
  readonly wasAsked: boolean
  constructor(wasAsked: boolean) {
    super('invalid_grant')
    this.wasAsked = wasAsked
  }
}

/** An issuer that replaces refresh tokens: a second use ends the login, or is forgiven. */
function openIssuer(secondUse: 'ends' | 'forgiven') {
  const uses: string[] = []
  let [current, ended] = ['rt-1', false]
  return {
    uses,
    async ask({ refreshToken }: Login, wasAsked: boolean) {
      uses.push(refreshToken)
      if (ended || (refreshToken !== current && secondUse === 'ends')) {
        ended = true
        throw new InvalidGrant(wasAsked)
      }
      if (refreshToken === current) current = `rt-${Number(current.slice(3)) + 1}`
      return current
    },
  }
}
type TestIssuer = ReturnType<typeof openIssuer>

/** One process: it dies at its `killAt`th step, before it or after it has been done. */
function openProcess(
  issuer: TestIssuer,
  disk: LoginFiles,
  bus: LoginCopies,
  { holder, now, killAt = 0, done = false }: ProcessOptions,
) {
  let steps = 0
  const step = async <T>(act: () => Promise<T>): Promise<T> => {
    steps += 1
    if (steps > killAt && killAt > 0) throw new Killed()
    if (steps === killAt && !done) throw new Killed()
    const result = await act()
    if (steps === killAt) throw new Killed()
    return result
  }
  const keeping: LoginKeeping = {
    files: { read: (name) => step(() => disk.read(name)), write: (login) => step(() => disk.write(login)) },
    copies: {
      read: (name) => step(() => bus.read(name)),
      write: (login, revision) => step(() => bus.write(login, revision)),
    },
    ...{ holder, now, unsaved: new Map() },
  }
  const get = () =>
    useLogin(
      {
        ...{ entry, mostMs, signal: new AbortController().signal },
        ask: (login, wasAsked) => step(() => issuer.ask(login, wasAsked)),
        renewed: (answer) => answer,
        isRefusal: (error) => error instanceof InvalidGrant,
      },
      keeping,
    )
  return { get, keeping, steps: () => steps }
}

interface ProcessOptions {
  readonly holder: string
  readonly now: () => number
  readonly killAt?: number
  readonly done?: boolean
}

/** Tries again as the consume loop does. Time passes by the delays alone. */
async function persist<T>(act: () => Promise<T>, pass: (ms: number) => void): Promise<T> {
  for (let tries = 0; tries < 20; tries++)
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof RetryLater)) throw error
      pass(error.delayMs)
    }
  throw new Error('it waited for ever')
}

function openClock() {
  let ms = Date.UTC(2026, 10, 30)
  const pass = (more: number) => {
    ms += more
  }
  return { now: () => ms, pass }
}

const older = loginOf({ generation: 0, refreshToken: 'rt-0' })
/** What its disk and the bus hold at first: each of them may be behind, after a crash. */
const starts = {
  'both know the newest': { onDisk: loginOf(), onBus: loginOf() },
  'the disk is behind': { onDisk: older, onBus: loginOf() },
  'the bus is behind': { onDisk: loginOf(), onBus: older },
}
type Start = (typeof starts)[keyof typeof starts]

/** How many steps there are with nobody in the way. */
async function countSteps({ onDisk, onBus }: Start): Promise<number> {
  const { now } = openClock()
  const [disk, bus] = [openDisk([onDisk]), openBus([onBus])]
  const whole = openProcess(openIssuer('ends'), disk, bus, { holder: 'one', now })
  assert.equal(await whole.get(), 'rt-2')
  assert.deepEqual(disk.kept.get(entry), loginOf({ generation: 2, refreshToken: 'rt-2' }))
  assert.deepEqual(bus.kept.get(entry)?.login, disk.kept.get(entry))
  return whole.steps()
}

describe('a refresher that is killed at any step', () => {
  for (const secondUse of ['ends', 'forgiven'] as const)
    for (const done of [false, true])
      for (const successor of ['the same machine', 'another replica'])
        for (const [known, start] of Object.entries(starts))
          it(`${done ? 'after' : 'before'} it was done, where a second use ${secondUse === 'ends' ? 'ends the login' : 'is forgiven'} and ${known}, then ${successor}`, async () => {
            const steps = await countSteps(start)
            assert.ok(steps >= 8, `${steps} steps`)
            let locked = 0
            for (let killAt = 1; killAt <= steps; killAt++) {
              const { now, pass } = openClock()
              const [disk, bus] = [openDisk([start.onDisk]), openBus([start.onBus])]
              const issuer = openIssuer(secondUse)
              const dying = openProcess(issuer, disk, bus, { holder: 'one', now, killAt, done })
              // Of the two writes at the end one is enough: the dead process does not notice the other.
              await dying.get().catch((error: unknown) => assert.ok(error instanceof Killed, String(error)))
              const wasKept =
                disk.kept.get(entry)?.generation === 2 || bus.kept.get(entry)?.login.generation === 2
              const other = successor === 'another replica' ? openDisk([start.onDisk]) : disk
              // The supervisor starts it again, and it brings what it has, before anybody else stops waiting for its answer.
              const back = openProcess(issuer, disk, bus, { holder: 'one again', now })
              await persist(() => reconcile(entry, back.keeping), pass)
              const next = openProcess(issuer, other, bus, { holder: 'two', now })
              const got = await persist(next.get, pass).catch((error: unknown) => error)
              if (got instanceof InvalidGrant) {
                locked += 1
                assert.equal(secondUse, 'ends', `step ${killAt}`)
                assert.ok(got.wasAsked, `step ${killAt}: locked out, and it does not know why`)
                assert.ok(!wasKept, `step ${killAt}: locked out although the new token was kept`)
              } else assert.match(String(got), /^rt-\d$/, `step ${killAt}: ${got}`)
            }
            assert.equal(locked > 0, secondUse === 'ends', 'the one window that nothing closes')
          })
})

describe('replicas', () => {
  it('never use the same refresh token twice, and each gets its answer', async () => {
    const { now, pass } = openClock()
    const bus = openBus([loginOf()])
    const issuer = openIssuer('ends')
    const get = ['one', 'two', 'three'].map((holder) => {
      const { get } = openProcess(issuer, openDisk([loginOf()]), bus, { holder, now })
      return persist(get, pass)
    })
    const got = await Promise.all(get)
    assert.deepEqual(got.toSorted(), ['rt-2', 'rt-3', 'rt-4'])
    assert.equal(new Set(issuer.uses).size, issuer.uses.length, issuer.uses.join())
  })

  it('wait while one of them may still get an answer, and ask after that', async () => {
    const { now, pass } = openClock()
    const asked = {
      at: new Date(now()).toISOString(),
      by: 'one',
      until: new Date(now() + mostMs).toISOString(),
    }
    const bus = openBus([loginOf({ asked })])
    const issuer = openIssuer('forgiven')
    const two = openProcess(issuer, openDisk(), bus, { holder: 'two', now })
    await assert.rejects(
      two.get(),
      (error: unknown) => error instanceof RetryLater && error.delayMs === mostMs,
    )
    assert.deepEqual(issuer.uses, [])
    pass(mostMs)
    assert.equal(await two.get(), 'rt-2')
  })

  it('one that stood still for too long before it asked does not ask', async () => {
    const { now, pass } = openClock()
    const issuer = openIssuer('ends')
    const disk = openDisk([loginOf()])
    const slow = {
      ...disk,
      write(login: Login) {
        pass(mostMs)
        return disk.write(login)
      },
    }
    await assert.rejects(
      openProcess(issuer, slow, openBus([loginOf()]), { holder: 'one', now }).get(),
      RetryLater,
    )
    assert.deepEqual(issuer.uses, [])
  })

  it('an emptied bus loses nothing, and nobody uses an older token meanwhile', async () => {
    const { now, pass } = openClock()
    const bus = openBus()
    const issuer = openIssuer('ends')
    await issuer.ask(loginOf(), false)
    const newest = loginOf({ generation: 2, refreshToken: 'rt-2' })
    const behind = openProcess(issuer, openDisk([loginOf()]), bus, { holder: 'behind', now })
    await assert.rejects(
      behind.get(),
      (error: unknown) => error instanceof RetryLater && error.delayMs === settleMs,
    )
    await reconcile(entry, openProcess(issuer, openDisk([newest]), bus, { holder: 'ahead', now }).keeping)
    pass(settleMs)
    assert.equal(await behind.get(), 'rt-3')
    assert.deepEqual(issuer.uses, ['rt-1', 'rt-2'])
  })

  it('a login that was just made is used at once, and takes the place of an older one everywhere', async () => {
    const { now } = openClock()
    const fresh = loginOf({ login: now() - 1_000, generation: 0, refreshToken: 'rt-1' })
    const bus = openBus([loginOf({ generation: 7, refreshToken: 'old' })])
    assert.equal(
      await openProcess(openIssuer('ends'), openDisk([fresh]), bus, { holder: 'one', now }).get(),
      'rt-2',
    )
    assert.equal(
      await openProcess(openIssuer('ends'), openDisk([fresh]), openBus(), { holder: 'one', now }).get(),
      'rt-2',
    )
  })
})

describe('a login', () => {
  it('of nobody is none', async () => {
    const asking = {
      ...{ entry, mostMs, signal: new AbortController().signal, renewed: () => undefined },
      ...{ ask: () => assert.fail('it asked'), isRefusal: () => false },
    }
    assert.equal(await useLogin(asking, keepingInMemory()), undefined)
  })

  it('stays as it was where the issuer refuses, and is remembered as asked where nobody knows', async () => {
    for (const isRefusal of [true, false]) {
      const disk = openDisk([loginOf()])
      const asking = {
        ...{ entry, mostMs, signal: new AbortController().signal, renewed: () => undefined },
        ask: () => Promise.reject(new Error('no')),
        isRefusal: () => isRefusal,
      }
      const keeping = keepingInMemory([], { files: disk, copies: openBus([loginOf()]) })
      await assert.rejects(useLogin(asking, keeping), /no/)
      assert.equal(disk.kept.get(entry)?.asked === undefined, isRefusal)
    }
  })

  it('whose new token can be written nowhere is kept in mind, and written as soon as that can be', async () => {
    const issuer = openIssuer('ends')
    const [disk, bus] = [openDisk([loginOf()]), openBus([loginOf()])]
    let full = false
    const refuse = () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
    const keeping: LoginKeeping = keepingInMemory([], {
      files: { ...disk, write: (login) => (full ? refuse() : disk.write(login)) },
      copies: { ...bus, write: (login, revision) => (full ? refuse() : bus.write(login, revision)) },
    })
    const asking = {
      ...{ entry, mostMs, signal: new AbortController().signal, renewed: (answer: string) => answer },
      ask: (login: Login, wasAsked: boolean) => {
        full = issuer.uses.length === 0
        return issuer.ask(login, wasAsked)
      },
      isRefusal: () => false,
    }
    await assert.rejects(useLogin(asking, keeping), /full/)
    full = false
    assert.equal(await useLogin(asking, keeping), 'rt-3')
    assert.deepEqual(issuer.uses, ['rt-1', 'rt-2'])
  })
})
