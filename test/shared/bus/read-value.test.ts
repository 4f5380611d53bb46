import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KvEntry } from '@nats-io/kv'
import fc from 'fast-check'
import { changeValue } from '../../../shared/bus/compare-and-set.ts'
import { isKey, readValue, valueIn } from '../../../shared/bus/read-value.ts'
import { tellUnreadable } from '../../../shared/bus/tell-unreadable.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { ofTarget, targetRecord } from '../../../shared/work/target-record.ts'
import { fakeKv } from '../../services/fake-kv.ts'

const schema = z.object({ count: z.int() })

const countOn = (before: z.infer<typeof schema> | undefined) => ({ count: (before?.count ?? 0) + 1 })

/** What is logged while `work` goes on. */
async function hear(work: () => Promise<unknown>): Promise<object[]> {
  const said: object[] = []
  using _ = tellUnreadable({ error: (fields: object) => void said.push(fields) } as never)
  await work()
  return said
}

describe('a value in a bucket', () => {
  const unreadable: Record<string, [string, RegExp]> = {
    'no JSON': ['\u0000\ufffd', /^not JSON$/],
    'nothing at all': ['', /^not JSON$/],
    'JSON of another shape': ['{"count":"hvs.secret"}', /^count: /],
    'JSON of another kind': ['[]', /^value: /],
  }
  for (const [what, [value, reason]] of Object.entries(unreadable))
    it(`that is ${what} is as good as absent, and said once, without what it says`, async () => {
      const { kv, put } = fakeKv()
      put('key', value)
      const said = await hear(async () => {
        for (let times = 0; times < 3; times++)
          assert.deepEqual(await readValue(kv, 'key', schema), { value: undefined, revision: 1 })
      })
      assert.equal(said.length, 1)
      assert.match((said[0] as { reason: string }).reason, reason)
      assert.doesNotMatch(JSON.stringify(said), /hvs\.secret/)
      put('key', value)
      assert.equal((await hear(() => readValue(kv, 'key', schema))).length, 1, 'another revision is news')
    })

  it('that cannot be read is replaced by the next change, as if there were none', async () => {
    const { kv, put } = fakeKv()
    put('key', 'garbage')
    assert.deepEqual(await changeValue(kv, 'key', schema, countOn), { count: 1 })
    assert.deepEqual((await readValue(kv, 'key', schema)).value, { count: 1 })
  })

  it('that is known is changed without a look, and one that others have changed since is read again', async () => {
    const { kv, put } = fakeKv()
    let looks = 0
    const counting = Object.assign({ ...kv }, { get: (key: string) => kv.get(key).finally(() => looks++) })
    put('key', { count: 1 })
    const known = await readValue(kv, 'key', schema)
    assert.deepEqual(await changeValue(counting, 'key', schema, countOn, known), { count: 2 })
    assert.equal(looks, 0)
    assert.deepEqual(await changeValue(counting, 'key', schema, countOn, known), { count: 3 })
    assert.equal(looks, 1)
  })

  it('never ends a reader, whatever bytes, whatever JSON it is', () => {
    const bytes = fc.oneof(
      fc.uint8Array().map((some) => Buffer.from(some).toString('utf8')),
      fc.json(),
      fc.constantFrom('{"__proto__":1}', `${'['.repeat(5_000)}`, '1e999', '"\\ud800"'),
    )
    fc.assert(
      fc.property(bytes, fc.constantFrom('PUT', 'DEL', 'PURGE', 'ODD'), (text, operation) => {
        const entry = { bucket: 'targets', key: 'k', revision: 1, operation, string: () => text }
        assert.equal(valueIn(entry as KvEntry, targetRecord), undefined)
      }),
    )
  })

  it('is asked for under names that a bucket can have only', () => {
    const names = ['a', 'news.x.0', 'dune=5Fproduction', 'a$b', 'a b', '.a', 'a.', '', 'a*', 'ü']
    assert.deepEqual(names.filter(isKey), ['a', 'news.x.0', 'dune=5Fproduction'])
  })
})

describe('the record of a target', () => {
  const run = '01J0000000000000000000000A'
  const record = {
    ...{ entry: 'dune_production', run, holder: 'h', attempts: 1, lastAttempt: '2026-01-01T00:00:00Z' },
    later: 'what a later version writes',
  }
  const fact = { kind: 'fact', subject: 'token.pushed.dune.production', id: '1', body: { run, entry: 'e' } }
  const done = (messages: unknown[]) => ({ ...record, ended: { run, kind: 'done', messages } })
  const table: Record<string, [unknown, boolean]> = {
    'as we write it': [record, true],
    'with what was told': [done([fact]), true],
    'with an item for a queue among what was told': [done([{ ...fact, kind: 'work' }]), false],
    'with a message to a person': [done([{ ...fact, subject: 'notify.email.evil' }]), false],
    'with an order to JetStream': [done([{ ...fact, subject: '$JS.API.STREAM.PURGE.TOKENS' }]), false],
    'with a wildcard in a subject': [done([{ ...fact, subject: 'token.pushed.*.>' }]), false],
    'with facts of another run': [
      done([{ ...fact, body: { run: '01J0000000000000000000000B', entry: 'e' } }]),
      false,
    ],
    'of a run of the year 9999': [{ ...record, run: '7ZZZZZZZZZZZZZZZZZZZZZZZZZ' }, false],
    'of a run in small letters': [{ ...record, run: run.toLowerCase() }, false],
    'with an end that is no time': [{ ...record, expiry: 'never' }, false],
  }
  it('says of its own target how a run ended there, and nothing of another entry’s', () => {
    const found = targetRecord.parse(done([fact]))
    assert.equal(ofTarget(found, 'push.dune.production.node1_lab_example').ended?.kind, 'done')
    for (const key of ['push.nova.production.node1_lab_example', 'refresh.dune.analysis', 'push'])
      assert.equal(ofTarget(found, key).ended, undefined, key)
  })
  for (const [how, [value, isOurs]] of Object.entries(table))
    it(`${how} is ${isOurs ? '' : 'not '}read`, () => {
      const { success, data } = targetRecord.safeParse(value)
      assert.equal(success, isOurs)
      if (isOurs) assert.deepEqual(data, value)
    })
})
