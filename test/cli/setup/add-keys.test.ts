/** Keys come into a configuration as lines: every other byte stays. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { addMissing, apply, type Section } from '../../../cli/setup/add-keys.ts'
import { wantedKeys } from '../../../cli/setup/steps/configure.ts'
import { loadSiteFrom } from '../../../shared/config/load.ts'

const wanted: Section[] = [
  { name: 'nats', keys: { servers: ['tls://localhost:4222'], seedFile: '/run/{{.Daemon}}/nats.nk' } },
  { name: 'telemetry', keys: { metricsPort: 9464 } },
]
const natsLines = 'nats:\n  servers: [tls://localhost:4222]\n  seedFile: /run/{{.Daemon}}/nats.nk\n'
const telemetryLines = 'telemetry:\n  metricsPort: 9464\n'

const cases: Record<string, { text: string; becomes: string | 'complete' | 'by-hand' | 'unreadable' }> = {
  'sections that are not there come behind the last line, comments and odd spacing stay': {
    text: 'keytabPath:   "/k"   # here\n\n# the end',
    becomes: `keytabPath:   "/k"   # here\n\n# the end\n${natsLines}${telemetryLines}`,
  },
  'a section that has another key is filled, as far in as that one': {
    text: 'telemetry:\n    # of ours\n    loopDelay: 1s\nnats: {servers: [a], seedFile: b}\n',
    becomes:
      'telemetry:\n    # of ours\n    metricsPort: 9464\n    loopDelay: 1s\nnats: {servers: [a], seedFile: b}\n',
  },
  'what stands there is never another, in whatever case and with whatever value': {
    text: 'NATS:\n  Servers: [nats://x:1]\n  seedfile:\nTelemetry:\n  metricsPort: 1\n',
    becomes: 'complete',
  },
  'what an alias or a merged map brings stands there, too': {
    text: 'x: &b {metricsPort: 1}\nnats: &n {servers: [a], seedFile: b}\ntelemetry: *b\n',
    becomes: 'complete',
  },
  'a section in braces is not touched: its lines are shown': {
    text: 'nats: {servers: [a]}\ntelemetry: {metricsPort: 1}\n',
    becomes: 'by-hand',
  },
  'JSON is not touched': { text: '{"keytabPath": "/k"}', becomes: 'by-hand' },
  'behind the end of a document nothing is put': { text: 'keytabPath: /k\n...\n', becomes: 'by-hand' },
  'a text in several lines does not swallow what comes behind it': {
    text: 'keytabPath: /k\nnote: |+\n  one\n\n',
    becomes: `keytabPath: /k\nnote: |+\n  one\n\n${natsLines}${telemetryLines}`,
  },
  'what is no YAML is left alone': { text: 'a: [1\nb: 2\n', becomes: 'unreadable' },
}

describe('keys that a configuration lacks', () => {
  for (const [sentence, { text, becomes }] of Object.entries(cases))
    it(sentence, () => {
      const added = addMissing(text, wanted)
      if (added.kind !== 'lines') assert.equal(added.kind, becomes)
      else assert.equal(apply(text, added), becomes)
    })

  it('are shown whole where they have to be put in by hand', () => {
    const added = addMissing('{}', wanted)
    assert.equal(added.kind === 'by-hand' && `${added.lines}\n`, natsLines + telemetryLines)
  })

  it('are all that a first configuration lacks whose examples are meant', () => {
    const sample = readFileSync(join(import.meta.dirname, '../../../deploy/managedTokens.yml'), 'utf8')
    const text = sample.replaceAll(/^# ((?: *)[\w-]+:)/gm, '$1')
    const added = addMissing(text, wantedKeys({ host: 'localhost', port: 4222 }, true))
    assert.ok(added.kind === 'lines')
    const { site, warnings } = loadSiteFrom('managedTokens.yml', Buffer.from(apply(text, added)))
    assert.deepEqual([site.entries.map(({ name }) => name), warnings], [['dune_production'], []])
  })

  it('are found once they are there, also in the predecessor’s file', () => {
    const text = readFileSync(join(import.meta.dirname, '../../fixtures/managedTokens.yml'), 'utf8')
    const added = addMissing(text, wanted)
    assert.ok(added.kind === 'lines')
    assert.ok(apply(text, added).startsWith(text))
    assert.equal(addMissing(apply(text, added), wanted).kind, 'complete')
  })
})
