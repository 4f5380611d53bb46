import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import * as names from '../../../shared/contracts/subjects.ts'

const { encodeToken } = names
/** What a KV key may hold, without the dot that parts its tokens. */
const token = /^[a-zA-Z0-9=_-]+$/
const entry = { experiment: 'dune-2', role: 'my_role' }

describe('names on the bus', () => {
  for (const [name, encoded] of [
    ['dune', 'dune'],
    ['dune-2', 'dune-2'],
    ['node1.sandbox.test', 'node1_sandbox_test'],
    ['my_role', 'my=5Frole'],
    ['Dune', '=44une'],
    ['a=b', 'a=3Db'],
    ['a b>*', 'a=20b=3E=2A'],
    ['é', '=C3=A9'],
    ['a@b.org', 'a=40b_org'],
  ] as const)
    it(`writes ${name} as ${encoded}`, () => assert.equal(encodeToken(name), encoded))

  it('are different where the real names are', () => {
    // Names that are close to each other, which is where an encoding would mix them up.
    const name = fc.string({
      unit: fc.constantFrom('a', 'A', '_', '.', '=', '5', 'F', '-', 'é', ' '),
      maxLength: 6,
    })
    fc.assert(
      fc.property(name, name, (one, other) => {
        assert.equal(encodeToken(one) === encodeToken(other), one === other)
      }),
      { numRuns: 5_000 },
    )
  })

  it('are always one token of a subject and of a key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (name) => {
        // A lone surrogate is no text: it has no UTF-8 of its own.
        fc.pre(name.isWellFormed())
        assert.match(encodeToken(name), token)
      }),
    )
  })

  it('have the shape of their stream', () => {
    const shapes: Record<string, string> = {
      'token.ready.dune-2.my=5Frole': names.tokenSubject('ready', entry),
      'token.failed.dune-2.my=5Frole': names.tokenSubject('failed', entry),
      'run.started': names.runSubject('started'),
      'refresh.dune-2.my=5Frole': names.refreshSubject(entry),
      'store.dune-2.my=5Frole.credd1_sandbox_test': names.storeSubject(entry, 'credd1.sandbox.test'),
      'push.dune-2.my=5Frole.node1_sandbox_test': names.pushSubject(entry, 'node1.sandbox.test'),
      'notify.email.a=40b_org': names.notifySubject('email', 'a@b.org'),
      'notify.slack.admin': names.notifySubject('slack', 'admin'),
      'dead.refresh.refresher': names.deadSubject('REFRESH', 'refresher'),
      'dead.lost.storer': names.lostSubject('storer'),
      'dead.tokens.storer-plan': names.deadSubject('TOKENS', 'storer-plan'),
      '01K.dune-2=5Fmy=5Frole': names.ledgerKey('01K', 'dune-2_my_role'),
      'dune-2=5Fmy=5Frole': names.sealedKey('dune-2_my_role'),
    }
    for (const [expected, subject] of Object.entries(shapes)) assert.equal(subject, expected)
  })

  it('never have more or fewer tokens, whatever experiments and nodes are called', () => {
    const odd = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(odd, odd, odd, (experiment, role, target) => {
        const name = { experiment, role }
        assert.equal(names.refreshSubject(name).split('.').length, 3)
        assert.equal(names.tokenSubject('pushed', name).split('.').length, 4)
        assert.equal(names.storeSubject(name, target).split('.').length, 4)
        assert.equal(names.pushSubject(name, target).split('.').length, 4)
        assert.equal(names.notifySubject('email', target).split('.').length, 3)
        assert.equal(names.ledgerKey('01K', target).split('.').length, 2)
      }),
    )
  })

  it('of durable consumers are ten, and each says whose it is', () => {
    const all = Object.values(names.consumers)
    assert.equal(all.length, 10)
    assert.equal(new Set(all).size, 10)
    for (const name of all)
      assert.ok(names.daemons.some((daemon) => name === daemon || name.startsWith(`${daemon}-`)))
  })
})
