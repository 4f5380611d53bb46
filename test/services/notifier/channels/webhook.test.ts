import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { alertsOf, isAlertmanager, webhookPayload } from '../../../../services/notifier/channels/webhook.ts'
import type { NewsRow, Notification } from '../../../../shared/contracts/messages.ts'
import { at, ofRun } from '../../build.ts'

const row: NewsRow = {
  ...{ kind: 'failure', entry: 'dune_production', service: 'dune_production', where: 'node', name: 'node1' },
  ...{ code: 'node-unreachable', headline: 'token not on node1', message: 'no route', action: 'Look.' },
  ...{ since: at(-60), runs: 2 },
}
const message: Notification = {
  ...{ ...ofRun(), channel: 'webhook', to: 'admin', id: 'run.webhook.admin' },
  ...{ subject: 'a subject', text: 'a text', rows: [row], more: 3 },
  traceUrl: 'https://traces.lab.example/1',
}
const keysOfMattermost = /^(channel|username|icon_url|icon_emoji|attachments|props|type|priority)$/

describe('a webhook', () => {
  it('gets a text to show, and the news as fields beside it', () => {
    const payload = webhookPayload(message) as Record<string, unknown>
    assert.deepEqual(payload, {
      ...{ text: '**a subject**\n\na text', source: 'managed-tokens', id: message.id, run: message.run },
      ...{ at: message.at, subject: 'a subject', traceUrl: message.traceUrl, news: [row], more: 3 },
    })
    assert.deepEqual(
      Object.keys(payload).filter((key) => keysOfMattermost.test(key)),
      [],
    )
  })
  it('is never made to mention somebody or to show a link of somebody’s making', () => {
    const text = '@channel <!here> [click](https://evil.example) ![x](https://evil.example)'
    const payload = webhookPayload({ ...message, subject: '@all', text }) as { text: string }
    assert.doesNotMatch(payload.text, /@[a-z]|<!|\]\(/)
  })
  it('gets no more text than Mattermost takes', () => {
    const payload = webhookPayload({ ...message, text: '😀'.repeat(100_000) }) as { text: string }
    assert.ok(payload.text.length <= 16_000 && payload.text.isWellFormed())
  })
})

describe('Alertmanager', () => {
  it('is known by its path', () => {
    for (const [url, is] of [
      ['https://alerts.lab.example:9093/api/v2/alerts', true],
      ['https://lab.example/alertmanager/api/v2/alerts?x=1', true],
      ['https://chat.lab.example/hooks/api-v2-alerts', false],
    ] as const)
      assert.equal(isAlertmanager(url), is)
  })
  it('gets an alert for each piece of news, for a day unless it hears of it again', () => {
    const labels = {
      ...{ alertname: 'ManagedTokenFailing', entry: 'dune_production' },
      ...{ service: 'dune_production', where: 'node', name: 'node1' },
    }
    assert.deepEqual(alertsOf(message), [
      {
        labels,
        annotations: {
          ...{ summary: 'token not on node1', description: 'no route', action: 'Look.' },
          ...{ code: 'node-unreachable', run: message.run },
        },
        startsAt: at(-60),
        endsAt: at(24 * 60),
        generatorURL: message.traceUrl,
      },
    ])
  })
  it('ends the alert of what has recovered: the same labels, over now', () => {
    const recovered: NewsRow = { ...row, kind: 'recovered', message: '', action: '' }
    const [failing, over] = [...alertsOf(message), ...alertsOf({ ...message, rows: [recovered] })] as {
      labels: object
      endsAt: string
    }[]
    assert.deepEqual(over?.labels, failing?.labels)
    assert.equal(over?.endsAt, message.at)
  })
  it('ends with a recovery also what was said of a token about to end, and of a silence where it is of no entry', () => {
    const recovered: NewsRow = { ...row, kind: 'recovered', message: '', action: '' }
    const { entry, service, where, name, ...ofNobody } = recovered
    const namesOf = (one: NewsRow) =>
      (alertsOf({ ...message, rows: [one] }) as { labels: { alertname: string } }[]).map(
        ({ labels }) => labels.alertname,
      )
    assert.deepEqual(namesOf(recovered), ['ManagedTokenFailing', 'ManagedTokenExpiring'])
    assert.deepEqual(namesOf(ofNobody), ['ManagedTokensSilent'])
  })
  it('gets one alert for a cause on which several hang, and its end with that of each of them', () => {
    const things = ['node1', 'node2'].map((name) => ({
      ...({ entry: 'dune_production', service: 'dune_production', where: 'node', name } as const),
    }))
    const affected = { things, total: 2, entries: ['dune_production'], nodes: [], credds: [] }
    const { entry, service, where, name, ...of } = row
    const failing: NewsRow = { ...of, cause: { kind: 'vault', name: 'vault.lab.example' }, affected }
    const ofCause = { alertname: 'ManagedTokenFailing', cause: 'vault', name: 'vault.lab.example' }
    const labelsOf = (one: NewsRow) =>
      (alertsOf({ ...message, rows: [one] }) as { labels: object }[]).map(({ labels }) => labels)
    assert.deepEqual(labelsOf(failing), [ofCause])
    assert.deepEqual(labelsOf({ ...failing, kind: 'recovered' }), [
      ofCause,
      { ...ofCause, alertname: 'ManagedTokenExpiring' },
      ...things.flatMap((one) =>
        ['ManagedTokenFailing', 'ManagedTokenExpiring'].map((alertname) => ({ alertname, ...one })),
      ),
    ])
  })
  it('gets the text of a message without fields, and no label that is empty', () => {
    const { rows, more, traceUrl, ...plain } = message
    const [alert] = alertsOf(plain) as [{ labels: object; annotations: object }]
    assert.deepEqual(alert.labels, { alertname: 'ManagedTokensNotice' })
    assert.deepEqual(alert.annotations, { summary: 'a subject', description: 'a text', run: message.run })
  })
})
