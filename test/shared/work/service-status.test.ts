/** What `services` says of an entry's tokens: good ones, those that are over, and why. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { failure } from '../../../shared/contracts/errors.ts'
import { refreshSubject } from '../../../shared/contracts/subjects.ts'
import { isFailing, serviceStatus, statusOf } from '../../../shared/work/service-status.ts'
import type { TargetRecord } from '../../../shared/work/target-record.ts'
import { makeEntry } from '../../support/entry.ts'

const now = Date.parse('2026-12-01T12:00:00.000Z')
const at = (minutes: number) => new Date(now + minutes * 60_000).toISOString()
const run = '01KBCDEFGHJKMNPQRSTVWXYZ00'
const bearers = ['read', 'write'].map((purpose) => ({
  ...{ purpose, scopes: [`storage.${purpose}:/cms`], audience: [], minSeconds: 600 },
}))
const entry = makeEntry({
  ...{ name: 'cms_production', service: 'cms_production', experiment: 'cms', role: 'production' },
  ...{ tokenGetter: 'oidc', oidc: { issuer: 'iam', grant: 'client_credentials' } },
  deliver: { vault: false, bearers },
})
const base = { entry: entry.name, run, holder: 'x', attempts: 1, lastAttempt: at(-60) }
const refused = failure('bearer-refused', 'The issuer refused it.')
const down = failure('issuer-unreachable', 'Nobody listens there.')

const ready = (tokens?: readonly object[]): TargetRecord => ({
  ...{ ...base, lastSuccess: at(-60), expiry: at(10) },
  ended: {
    ...{ kind: 'done', run },
    messages: [
      {
        kind: 'fact',
        ...{ subject: 'token.ready.cms.production', id: 'x' },
        body: {
          ...{ schema: '1.0', run, at: at(-60), entry: entry.name, service: entry.service },
          ...{ experiment: 'cms', role: 'production', mode: { push: true, notify: true }, deadline: at(0) },
          ...{ tokenId: 'x', expiry: at(10), key: 'x', revision: 1, uid: 1, reused: false, credds: [] },
          ...(tokens && { tokens }),
        },
      },
    ],
  },
})
const token = (purpose: string, more: object) => ({
  ...{ type: 'bearer', purpose, audience: [], scopes: [`storage.${purpose}:/cms`], ...more },
})

const cases: Record<
  string,
  [TargetRecord | undefined, [expiry: string | undefined, why: string | undefined][]]
> = {
  'are good until they end, and each by itself': [
    ready([token('read', { expiry: at(10) }), token('write', { expiry: at(-1) })]),
    [
      [at(10), undefined],
      [at(-1), 'It is over.'],
    ],
  ],
  'are not there where the issuer refused one': [
    ready([token('read', { expiry: at(10) }), token('write', { invalid: refused })]),
    [
      [at(10), undefined],
      [undefined, 'The issuer refused it.'],
    ],
  ],
  'of an older daemon end when the first of them does': [
    ready(),
    [
      [at(10), undefined],
      [at(10), undefined],
    ],
  ],
  'that could not be renewed are good until they end': [
    { ...base, lastSuccess: at(-60), expiry: at(10), ended: { kind: 'failed', run, failure: down } },
    [
      [at(10), undefined],
      [at(10), undefined],
    ],
  ],
  'that could not be renewed in time say why': [
    { ...base, lastSuccess: at(-60), expiry: at(-10), ended: { kind: 'failed', run, failure: down } },
    [
      [at(-10), 'Nobody listens there.'],
      [at(-10), 'Nobody listens there.'],
    ],
  ],
  'that were never made say so': [
    undefined,
    [
      [undefined, 'No token of cms_production was made yet.'],
      [undefined, 'No token of cms_production was made yet.'],
    ],
  ],
}

describe('the tokens of an entry', () => {
  for (const [what, [record, expected]] of Object.entries(cases))
    it(what, () => {
      const records = record ? [[refreshSubject(entry), record] as const] : []
      const { tokens = [] } = statusOf(entry, records, undefined, now)
      assert.deepEqual(
        tokens.map(({ expiry, invalid }) => [expiry, invalid?.message]),
        expected,
      )
      assert.deepEqual(
        tokens.map(({ type, purpose, scopes }) => [type, purpose, scopes]),
        bearers.map(({ purpose, scopes }) => ['bearer', purpose, scopes]),
      )
    })
})

describe('the status of an entry', () => {
  const vault = makeEntry({ nodes: ['n1', 'n2'], credds: ['c1', 'c2'] })
  const about = (target: string | undefined, more: Partial<TargetRecord> = {}): TargetRecord => ({
    ...{ ...base, entry: vault.name, ...(target !== undefined && { target }), ...more },
  })
  const done = { ended: { kind: 'done', run, messages: [] } } as const
  const gaveUp = { ended: { kind: 'failed', run, failure: down } } as const
  const earlier = '01KBCDEFGHJKMNPQRSTVWXYZ01'
  const [own, store, push] = [refreshSubject(vault), 'store.dune.production.', 'push.dune.production.']
  const records: [string, TargetRecord][] = [
    [`${store}c1`, about('c1', { ...done, lastSuccess: at(-5), expiry: at(50) })],
    [`${store}c2`, about('c2')],
    [`${store}old`, about('old', gaveUp)],
    [`${push}n1`, about('n1', gaveUp)],
    [`${push}n2`, about('n2', { ended: { ...gaveUp.ended, run: earlier } })],
    [`${push}gone`, about('gone', gaveUp)],
    [own, about(undefined, { ...gaveUp, lastSuccess: at(-90), expiry: at(-10) })],
  ]

  it('is that of its own nodes and credds, whatever else was served once', () => {
    const { tokens, ...rest } = statusOf(vault, records, 4711, now)
    assert.deepEqual(rest, {
      ...{ entry: 'dune_production', service: 'dune_production', account: 'dunepro', uid: 4711 },
      ...{ nodes: ['n1', 'n2'], credds: ['c1', 'c2'] },
      stored: [
        { credd: 'c1', lastSuccess: at(-5), expiry: at(50) },
        { credd: 'c2', lastSuccess: null, expiry: null },
      ],
      ...{ lastSuccess: at(-90), tokenExpiry: at(-10), failing: ['token', 'n1'] },
    })
    assert.deepEqual(
      tokens?.map(({ type, expiry, invalid }) => [type, expiry, invalid?.message]),
      [['vault', at(-10), 'Nobody listens there.']],
    )
    assert.deepEqual(serviceStatus.parse({ ...rest, tokens }), { ...rest, tokens })
  })
  it('names the credds that its records name where the configuration names none', () => {
    const { credds: _, ...asked } = vault
    const nameless: [string, TargetRecord] = [`${store}x`, about(undefined)]
    const { credds, stored, failing } = statusOf(asked, [...records, nameless], undefined, now)
    assert.deepEqual(credds, ['c1', 'c2', 'old'])
    assert.deepEqual(
      stored.map(({ credd }) => credd),
      ['c1', 'c2', 'old'],
    )
    assert.deepEqual(failing, ['token', 'old', 'n1'])
  })
  it('has the configured UID before any other, and none before it is known', () => {
    assert.equal(statusOf({ ...vault, desiredUid: 7 }, [], 4711, now).uid, 7)
    const { uid, lastSuccess, tokenExpiry, failing, tokens } = statusOf(vault, [], undefined, now)
    assert.deepEqual([uid, lastSuccess, tokenExpiry, failing], [null, null, null, []])
    const [code, message] = [tokens?.[0]?.invalid?.code, tokens?.[0]?.invalid?.message]
    assert.deepEqual([code, message], ['seal-missing', 'No token of dune_production was made yet.'])
  })
  it('says of a token that is over that it is, and of a vault token no end that it does not know', () => {
    const over = about(undefined, { ...done, lastSuccess: at(-90), expiry: at(0) })
    const [token] = statusOf(vault, [[own, over]], undefined, now).tokens ?? []
    assert.deepEqual([token?.expiry, token?.invalid?.message], [at(0), 'It is over.'])
    const working = about(undefined, { expiry: at(-1) })
    const [older] = statusOf(vault, [[own, working]], undefined, now).tokens ?? []
    assert.deepEqual([older?.expiry, older?.invalid?.code], [at(-1), 'seal-missing'], 'no run has ended yet')
    const unknown = about(undefined, { ...done, lastSuccess: at(-90) })
    assert.equal(statusOf(vault, [[own, unknown]], undefined, now).tokens?.[0]?.expiry, undefined)
  })
  it('says why no token could be made without naming the credds', () => {
    const failed = about(undefined, { ended: { ...gaveUp.ended, failure: { ...down, credds: ['c1'] } } })
    assert.deepEqual(statusOf(vault, [[own, failed]], undefined, now).tokens?.[0]?.invalid, down)
  })

  const failing: Record<string, [Partial<TargetRecord>, boolean]> = {
    'what was never ended and not reported is worked on': [{}, false],
    'what was reported and is still tried is failing': [{ reported: true }, true],
    'what has failed for good is failing': [gaveUp, true],
    'what was reported and done after all is not': [{ ...done, reported: true }, false],
    'what an earlier run gave up is worked on': [{ ended: { ...gaveUp.ended, run: earlier } }, false],
  }
  for (const [what, [more, expected]] of Object.entries(failing))
    it(what, () => assert.equal(isFailing(about('n1', more)), expected))
})
