/** What `services` says of an entry's tokens: good ones, those that are over, and why. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { failure } from '../../../shared/contracts/errors.ts'
import { refreshSubject } from '../../../shared/contracts/subjects.ts'
import { statusOf } from '../../../shared/work/service-status.ts'
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
