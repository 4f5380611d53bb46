import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { composeDigests, subjectOf, type Trouble, troublesOf } from '../../../services/notifier/digest.ts'
import type { LedgerRun } from '../../../services/notifier/ledger.ts'
import { applyEvent } from '../../../services/notifier/ledger.ts'
import { at, runIds, siteOf } from '../build.ts'
import { failed, ready, startedRow } from './events.ts'

const trouble = (
  entry: string,
  kind: Trouble['kind'],
  name: string,
  more: Partial<Trouble> = {},
): Trouble => ({
  ...{ entry, service: entry, kind, name, code: 'unexpected', message: 'It broke.', action: 'Mend it.' },
  ...{ since: at(0), runs: 1, ...more },
})
const run = (mode = { push: true, notify: true }): LedgerRun => ({
  ...{
    run: runIds[0],
    started: at(0),
    deadline: at(5),
    mode,
    entries: ['dune_production', 'nova_production'],
  },
})
const recipients = `notifications: { admin_email: [admin@lab.example], SLACK_ALERTS_URL: "https://hooks.lab.example/a" }
notifications_test: { admin_email: [tester@lab.example], SLACK_ALERTS_URL: "https://hooks.lab.example/t" }`
const troubles = [
  trouble('dune_production', 'node', 'node1'),
  trouble('dune_production', 'credd', 'credd1'),
  trouble('nova_production', 'refresh', 'nova_production'),
  trouble('nova_production', 'node', 'node1'),
]
const digests = (extra = recipients, role = '', mode = run().mode, told = troubles) =>
  composeDigests(run(mode), told, siteOf(extra, role), at(6))
const who = (messages: ReturnType<typeof digests>) => messages.map(({ channel, to }) => `${channel} ${to}`)

describe('who is told of a run', () => {
  it('is everybody concerned, once each', () => {
    assert.deepEqual(who(digests()), [
      'slack admin',
      'email admin@lab.example',
      'email dune@lab.example',
      'email nova@lab.example',
    ])
    assert.equal(new Set(digests().map(({ id }) => id)).size, 4)
  })
  it('is the test’s people alone in test mode', () => {
    assert.deepEqual(who(digests(recipients, '', { push: false, notify: true })), [
      'slack admin_test',
      'email tester@lab.example',
    ])
  })
  const nobody: Record<string, () => ReturnType<typeof digests>> = {
    'in a muted run': () => digests(recipients, '', { push: true, notify: false }),
    'when nothing failed': () => digests(recipients, '', run().mode, []),
    'where notifications are off for all': () => digests(`disableNotifications: true\n${recipients}`),
    'of a muted entry': () =>
      digests(recipients, 'disableNotificationsOverride: true', run().mode, troubles.slice(0, 2)),
  }
  for (const [when, compose] of Object.entries(nobody))
    it(`is nobody ${when}`, () => assert.deepEqual(compose(), []))

  it('leaves a muted entry out of everybody’s digest', () => {
    const messages = digests(recipients, 'disableNotificationsOverride: true')
    assert.deepEqual(who(messages), ['slack admin', 'email admin@lab.example', 'email nova@lab.example'])
    assert.ok(messages.every(({ text, html = '' }) => !text.includes('dune') && !html.includes('dune')))
  })
  it('is a stakeholder who is an administrator too just once', () => {
    const both = recipients.replace('[admin@lab.example]', '[dune@lab.example]')
    assert.equal(who(digests(both)).filter((one) => one === 'email dune@lab.example').length, 1)
  })
  it('hears as a stakeholder of one’s own nodes only, as an administrator of everything', () => {
    const textTo = (to: string) => digests().find((message) => message.to === to)?.text ?? ''
    assert.match(
      textTo('dune@lab.example'),
      /^dune_production: token not on node1 since 06:00 UTC \(1 run\)\n/,
    )
    assert.doesNotMatch(textTo('dune@lab.example'), /credd1|nova/)
    for (const word of ['node1', 'credd1', 'nova_production: no token'])
      assert.ok(textTo('admin@lab.example').includes(word))
  })
  it('has the same ids when the same run is composed again', () => {
    assert.deepEqual(
      digests().map(({ id }) => id),
      digests().map(({ id }) => id),
    )
  })
})

describe('the subject of a digest', () => {
  const [one] = troubles as [Trouble]
  const table: Record<string, [Trouble[], string]> = {
    'says the one thing there is': [[one], 'dune_production: token not on node1 since 06:00 UTC (1 run)'],
    'counts the rest of one entry': [
      troubles.slice(0, 2),
      'dune_production: token not on node1 since 06:00 UTC (1 run) and 1 more',
    ],
    'counts entries otherwise': [
      troubles,
      'managed-tokens: 4 failures in 2 services: dune_production, nova_production',
    ],
    'says so when nothing failed': [[], 'managed-tokens: nothing failed'],
  }
  for (const [what, [told, expected]] of Object.entries(table))
    it(what, () => assert.equal(subjectOf(told), expected))
})

describe('the troubles of a run', () => {
  it('are the failed refresh and each of its targets, with code and advice', () => {
    const row = applyEvent(startedRow(), failed(1, 'refresh', undefined, { code: 'vault-unreachable' }))
    assert.deepEqual(
      troublesOf([row]).map(({ kind, name, code }) => `${kind} ${name} ${code}`),
      ['refresh dune_production vault-unreachable', 'node n1 vault-unreachable', 'node n2 vault-unreachable'],
    )
  })
  it('are not what waits, is done or was not tried', () => {
    assert.deepEqual(troublesOf([applyEvent(startedRow(), ready(1))]), [])
  })
})
