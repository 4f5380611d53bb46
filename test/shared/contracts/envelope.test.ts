import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { entryEnvelope, workEnvelope } from '../../../shared/contracts/envelope.ts'

const about = { run: '01J', entry: 'dune_production', service: 'dune_production' }
const item = {
  ...{ ...about, experiment: 'dune', role: 'production' },
  ...{ mode: { push: true, notify: true }, deadline: '2031-01-01T00:00:00.000Z' },
  ...{ schema: '1.9', at: '2020-01-01T00:00:00.000Z', node: 'node1', token: 'not a token' },
}

describe('the envelope', () => {
  const { at, schema, token, node, ...asked } = item
  const { mode, deadline, ...ofEntry } = asked
  it('of an entry takes along whose it is, and nothing else', () => {
    const { at: now, schema: own, ...rest } = entryEnvelope(item)
    assert.deepEqual([rest, own], [ofEntry, '1.0'])
    assert.ok(now > at, 'it is made anew')
  })
  it('of work takes along what may be done until when too', () => {
    const { at: _, schema: __, ...rest } = workEnvelope(item)
    assert.deepEqual(rest, asked)
  })
})
