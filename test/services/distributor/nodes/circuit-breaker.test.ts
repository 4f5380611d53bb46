import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type At, openCircuitBreaker, wayTo } from '../../../../services/distributor/nodes/circuit-breaker.ts'
import { nodeError } from '../../../../services/distributor/ssh/ssh-failure.ts'
import type { Entry } from '../../../../shared/config/site.ts'
import { failure, Permanent, RetryLater, Transient } from '../../../../shared/contracts/errors.ts'
import type { ReasonCode } from '../../../../shared/contracts/reasons.ts'
import { entryOf } from '../../build.ts'

const node = 'node1.lab.example'
const policy = {
  retry: { numRetries: 1, retrySleepMs: 10_000 },
  backoff: { firstMs: 1_000, longestMs: 48_000 },
}
const forty = Array.from({ length: 40 }, (_, index) => ({
  ...entryOf(),
  ...{ name: `e${index}_production`, service: `e${index}_production`, account: `e${index}` },
}))

/** A breaker with a clock of its own, and a node that does as it is told. */
function open() {
  let nowMs = 0
  let answer: Error | undefined
  let connections = 0
  const breaker = openCircuitBreaker(() => nowMs)
  const at = (entry: Entry, run = 'r1', signal = new AbortController().signal): At => ({
    ...{ push: { entry, node }, run, policy, signal },
  })
  return {
    breaker,
    pass: (ms: number) => {
      nowMs += ms
    },
    /** From now on every push ends with this; undefined: it gets through. */
    says: (code?: ReasonCode) => {
      answer = code && nodeError({ entry: entryOf(), node }, code, 'as it is')
    },
    saysError: (error: Error) => {
      answer = error
    },
    connections: () => connections,
    push: (entry: Entry, run?: string, signal?: AbortSignal) =>
      breaker
        .attempt(at(entry, run, signal), async () => {
          connections += 1
          if (answer) throw answer
          return 'done'
        })
        .catch((error: Error) => error),
  }
}
type Ended = Awaited<ReturnType<ReturnType<typeof open>['push']>>

const told = (ended: Ended) => (ended instanceof RetryLater ? ended.failure?.code : ended)
const delayOf = (ended: Ended) => ended instanceof RetryLater && ended.delayMs

describe('forty services on a node that is away', () => {
  it('share each try, are told of it together when the configured retries are used up, and go together when it is back', async () => {
    const { push, pass, says, connections } = open()
    says('node-unreachable')
    const all = async (run?: string) => {
      const ended: Ended[] = []
      for (const entry of forty) ended.push(await push(entry, run))
      return ended
    }
    for (const ended of await all()) assert.deepEqual([told(ended), delayOf(ended)], [undefined, 10_000])
    assert.equal(connections(), 1)
    pass(10_000)
    const second = await all()
    assert.equal(connections(), 2)
    for (const [index, ended] of second.entries()) {
      assert.equal(told(ended), 'node-unreachable')
      assert.match(
        (ended as RetryLater).message,
        new RegExp(`No token of e${index}_production on ${node}: as it is`),
      )
      assert.equal(delayOf(ended), 1_000)
    }
    says()
    pass(1_000)
    assert.deepEqual(
      await all(),
      forty.map(() => 'done'),
    )
  })

  it('share one try in a new run too, which is made at once, and are told of it at once', async () => {
    const { push, pass, says, connections } = open()
    says('connection-refused')
    await push(forty[0] as Entry)
    pass(10_000)
    await push(forty[0] as Entry)
    const before = connections()
    for (const entry of forty) assert.equal(told(await push(entry, 'r2')), 'connection-refused')
    assert.equal(connections(), before + 1)
  })
})

describe('a push that failed', () => {
  const [one, other] = forty as [Entry, Entry]
  const answers: ReasonCode[] = [
    ...(['kerberos-refused', 'account-unknown', 'login-refused', 'shell-failed'] as const),
    ...(['disk-full', 'destination-squatted', 'wrong-owner', 'host-key-changed', 'push-failed'] as const),
    ...(['connection-lost', 'connection-dropped', 'destination-missing'] as const),
  ]
  for (const code of answers)
    it(`with ${code} is nobody else’s trouble`, async () => {
      const { push, says } = open()
      says(code)
      const ended = await push(one)
      assert.ok(ended instanceof Permanent || ended instanceof Transient)
      says()
      assert.equal(await push(other), 'done')
    })

  it('with a time-out of one account’s shell is nobody else’s trouble, and of a second one’s it is', async () => {
    const { push, says } = open()
    says('push-timeout')
    assert.ok((await push(one)) instanceof Transient)
    assert.ok((await push(one)) instanceof Transient)
    assert.ok((await push(other)) instanceof RetryLater)
    says()
    assert.ok((await push(one)) instanceof RetryLater)
  })

  it('because the daemon stops says nothing of the node', async () => {
    const { push, says } = open()
    says('node-unreachable')
    await push(one, 'r1', AbortSignal.abort())
    says()
    assert.equal(await push(other), 'done')
  })

  it('before it came to the node leaves the next try to somebody else', async () => {
    const { push, pass, says, saysError } = open()
    says('node-unreachable')
    await push(one)
    pass(10_000)
    saysError(new Transient(failure('disk-full-here', 'x')))
    assert.ok((await push(one)) instanceof Transient)
    says()
    assert.equal(await push(other), 'done')
  })

  it('by a way of its own stops nobody who goes another', async () => {
    const { push, says } = open()
    says('node-unreachable')
    await push({ ...one, sshOptions: ['-J', 'gone.lab.example'] })
    says()
    assert.equal(await push(other), 'done')
  })

  it('comes after those that were never tried, until it gets through', async () => {
    const { breaker, push, pass, says } = open()
    const item = { entry: one.name, node, run: 'r1' }
    pass(5)
    says('disk-full')
    await push(one)
    assert.equal(breaker.triedAt(item), 5)
    assert.equal(breaker.triedAt({ ...item, run: 'r2' }), undefined)
    says()
    await push(one)
    assert.equal(breaker.triedAt(item), undefined)
  })

  it('puts off by whole milliseconds: the bus takes a fraction of a nanosecond for no delay', async () => {
    const { push, pass, says } = open()
    says('node-unreachable')
    await push(one)
    pass(0.123_456_7)
    assert.equal(delayOf(await push(other)), 10_000)
  })

  it('makes the rest wait outside the backlog', async () => {
    const { breaker, push, says } = open()
    const at = { way: wayTo({ entry: one, node }) }
    says('node-unreachable')
    assert.equal(breaker.isOpen(at), false)
    await push(one)
    assert.equal(breaker.isOpen(at), true)
  })
})
