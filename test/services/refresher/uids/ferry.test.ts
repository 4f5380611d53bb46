import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findUid, uidIn } from '../../../../services/refresher/uids/ferry.ts'
import { errorOf, failure, type Permanent, type Transient } from '../../../../shared/contracts/errors.ts'
import { reasons } from '../../../../shared/contracts/reasons.ts'
import { encodeToken } from '../../../../shared/contracts/subjects.ts'
import { at, entryOf, siteOf } from '../../build.ts'
import { fakeKv } from '../../fake-kv.ts'

const answer = (output: object | null | undefined, status = 'success', error: unknown = []) =>
  JSON.stringify({ ferry_status: status, ferry_error: error, ferry_output: output })
const good = {
  uid: 4711,
  banned: false,
  status: true,
  fullname: 'Robot',
  groupaccount: true,
  expirationdate: '2038-01-01T00:00:00Z',
}

describe('the UID in FERRY’s answer', () => {
  it('is the account’s', () => assert.equal(uidIn(answer(good), 'dunepro'), 4711))

  const taken: Record<string, string> = {
    'no errors, as null': answer(good, 'success', null),
    'no errors, as nothing': answer(good, 'success', undefined),
    'errors that are no texts': answer(good, 'success', [null, 7]),
    'null for whether it is banned': answer({ ...good, banned: null }),
    'null for whether it is active': answer({ ...good, status: null }),
    'null for its end': answer({ ...good, expirationdate: null }),
    'an end that is no time': answer({ ...good, expirationdate: 'never' }),
    'an end that is no text': answer({ ...good, expirationdate: 0 }),
    'null for everything else': answer({ uid: 4711, fullname: null, vopersonid: null, groupaccount: null }),
    'keys that nobody knows': answer({ ...good, shells: [{}], home: { x: null } }),
  }
  for (const [what, text] of Object.entries(taken))
    it(`is the account’s beside ${what}`, () => assert.equal(uidIn(text, 'dunepro'), 4711))

  const refused: Record<string, [string, string, RegExp]> = {
    'a failure with null for its output': [
      answer(null, 'failure', ['Sorry.']),
      'uid-unknown',
      /: Sorry\.\.$/,
    ],
    'a failure with null for its words': [answer(null, 'failure', null), 'uid-unknown', /cannot be read/],
    'a failure with one odd word among good ones': [
      answer({}, 'failure', [null, 'Sorry.', {}]),
      'uid-unknown',
      /: Sorry\.\.$/,
    ],
    'a failure with its words in one text': [answer({}, 'failure', 'Sorry.'), 'uid-unknown', /: Sorry\.\.$/],
    'null for the UID': [answer({ ...good, uid: null }), 'uid-unknown', /cannot be read/],
    'a failure, which comes as a good HTTP answer': [
      answer({}, 'failure', ['User dunepro is not known.', 'Sorry.']),
      'uid-unknown',
      /: User dunepro is not known\.; Sorry\.\.$/,
    ],
    'a failure without a word': [
      answer(undefined, 'failure'),
      'uid-unknown',
      /an answer that cannot be read/,
    ],
    'a failure that brings a UID all the same': [answer(good, 'failure', ['no']), 'uid-unknown', /: no\.$/],
    'a banned account': [answer({ ...good, banned: true }), 'account-refused', /dunepro is banned/],
    'an account that is not active': [
      answer({ ...good, status: false }),
      'account-refused',
      /dunepro is not active/,
    ],
    'a UID that is no number': [answer({ ...good, uid: 'root' }), 'uid-unknown', /cannot be read/],
    'the UID of root': [answer({ ...good, uid: 0 }), 'uid-unknown', /cannot be read/],
    'a negative UID': [answer({ ...good, uid: -1 }), 'uid-unknown', /cannot be read/],
    'half a UID': [answer({ ...good, uid: 1.5 }), 'uid-unknown', /cannot be read/],
    'no output': [answer(undefined), 'uid-unknown', /cannot be read/],
    'hostile words': [
      answer({}, 'failure', [`\u001b[31mx\r\nBcc: y ${'z'.repeat(10_000)}`]),
      'uid-unknown',
      /^[^\r\n]{1,300}$/,
    ],
  }
  for (const [what, [text, code, message]] of Object.entries(refused))
    it(`is not taken from ${what}`, () => {
      assert.throws(
        () => uidIn(text, 'dunepro'),
        (error: Permanent) => {
          assert.deepEqual([error.name, error.failure.code], ['Permanent', code])
          assert.match(error.message, message)
          return true
        },
      )
    })
})

describe('an answer that is none of FERRY’s', () => {
  for (const [what, text] of Object.entries({ HTML: '<html>503</html>', nothing: '', 'a list': '[]' }))
    it(`may be one later: ${what}`, () =>
      assert.throws(
        () => uidIn(text, 'dunepro'),
        ({ name, failure: { code } }: Transient) => name === 'Transient' && code === 'ferry-unreachable',
      ))
})

describe('the UID of an account', () => {
  // Not a timeout of its own: these tests may have to wait for their turn.
  const { signal } = new AbortController()
  const withoutUid = () => {
    const { desiredUid: _, ...entry } = entryOf()
    return entry
  }
  it('is the configured one, without asking', async () => {
    assert.equal(await findUid(entryOf(), siteOf(), fakeKv().kv, signal), 61_234)
  })
  it('is the one FERRY said last, without asking', async () => {
    const uids = fakeKv()
    uids.put(encodeToken('dunepro'), { account: 'dunepro', uid: 4711, at: at(0) })
    assert.equal(await findUid(withoutUid(), siteOf(), uids.kv, signal), 4711)
  })
  it('is unknown where there is no FERRY to ask', async () => {
    await assert.rejects(findUid(withoutUid(), siteOf(), fakeKv().kv, signal), {
      name: 'Permanent',
      message: /no FERRY to ask/,
    })
  })
  it('may be known later when FERRY does not answer', async () => {
    const site = siteOf('ferry: { host: 127.0.0.1, port: 1 }')
    await assert.rejects(findUid(withoutUid(), site, fakeKv().kv, signal), {
      name: 'Transient',
      message: /FERRY did not say/,
    })
  })

  const withFerry = siteOf('ferry: { host: 127.0.0.1, port: 1 }')
  const asked = (thrown: Error) =>
    findUid(withoutUid(), withFerry, fakeKv().kv, signal, () => Promise.reject(thrown))
  for (const code of [
    'kdc-unreachable',
    'vault-unreachable',
    'kinit-no-keytab',
    'issuer-unreachable',
  ] as const)
    it(`fails for what left FERRY’s own service without a token: ${code}`, async () => {
      const thrown = errorOf(failure(code, 'No token for FERRY.', { causeName: 'v.example' }))
      await assert.rejects(asked(thrown), thrown)
    })
  it('asks nobody of the experiment for the login of FERRY’s own service', async () => {
    const thrown = errorOf(failure('authentication-needed', 'No vault token for lab_ferry: no login.'))
    await assert.rejects(asked(thrown), ({ failure: { code, message } }: Transient) => {
      assert.equal(reasons[code].turn, 'administrators')
      assert.match(message, /^FERRY did not say .* lab_ferry: no login: log in with htgettoken/)
      return true
    })
  })
})
