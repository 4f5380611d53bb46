import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { isAffected, readFaults } from '../../sandbox/fault-file.ts'
import { joinFaults, parseFault, writeFaults } from '../../sandbox/faults.ts'

describe('faults', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'faults-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  const fits = {
    'a flag': ['kdc-down', { 'kdc-down': true }],
    'a name': ['node-down=mu2egpvm01', { 'node-down': ['mu2egpvm01'] }],
    'several names': ['credd-down=credd1,credd2', { 'credd-down': ['credd1', 'credd2'] }],
    'an entry with a dash': [
      'needs-onboarding=dune-2_production',
      { 'needs-onboarding': ['dune-2_production'] },
    ],
    'a number of seconds': ['vault-rate-limit=2.5', { 'vault-rate-limit': 2.5 }],
    'a status': ['vault-error=503', { 'vault-error': 503 }],
    'a kind of answer': ['iam-answers=opaque', { 'iam-answers': 'opaque' }],
  } as const
  for (const [what, [text, expected]] of Object.entries(fits)) {
    it(`takes ${what}: ${text}`, () => assert.deepEqual(parseFault(text), expected))
  }

  it('names the nearest fault when the name is unknown, and lists all where none is near', () => {
    assert.throws(
      () => parseFault('node-dwon=x'),
      /^Error: unknown fault "node-dwon"; did you mean node-down\?$/,
    )
    assert.throws(
      () => parseFault('earthquake'),
      /unknown fault "earthquake"; known are:\n[\s\S]*node-down=NODE[\s\S]*ferry-down/,
    )
    assert.throws(() => parseFault('constructor'), /unknown fault/)
  })
  for (const text of [
    'node-down',
    'node-down=',
    'node-down=a b',
    'kdc-down=maybe',
    'vault-error=200',
    'vault-error',
    'vault-rate-limit=soon',
  ]) {
    it(`refuses ${text} and says what was expected`, () => {
      assert.throws(() => parseFault(text), /has a wrong value; expected --fault/)
    })
  }

  it('joins lists and replaces other values', () => {
    const joined = joinFaults(
      parseFault('node-down=a'),
      parseFault('node-down=b'),
      parseFault('vault-error=500'),
      parseFault('vault-error=502'),
    )
    assert.deepEqual(joined, { 'node-down': ['a', 'b'], 'vault-error': 502 })
  })

  it('reads back what was written, and nothing where nothing was written', () => {
    assert.deepEqual(readFaults(dir), {})
    writeFaults(dir, { 'credd-down': ['credd1'] })
    assert.deepEqual(readFaults(dir), { 'credd-down': ['credd1'] })
    writeFaults(dir, {})
    assert.deepEqual(readFaults(dir), {})
  })

  it('knows a host by its short and by its full name', () => {
    assert.equal(isAffected(['credd1'], 'credd1.sandbox.test'), true)
    assert.equal(isAffected(['credd1.sandbox.test'], 'credd1.sandbox.test'), true)
    assert.equal(isAffected(['credd1'], 'credd12.sandbox.test'), false)
    assert.equal(isAffected(undefined, 'credd1'), false)
  })
})
