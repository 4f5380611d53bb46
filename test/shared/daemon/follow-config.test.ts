/** A daemon reads its configuration again when it hears of a run, and says where it is not the planner's. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { pino } from 'pino'
import type { Bus } from '../../../shared/bus/connect.ts'
import { readEnvironment } from '../../../shared/config/environment.ts'
import { openSiteSource } from '../../../shared/config/read/source.ts'
import { followConfig } from '../../../shared/daemon/follow-config.ts'

const text = (lifetime: string) => `keytabPath: /srv/keytabs
kerberosPrincipalPattern: "{{.Account}}/robot@LAB.EXAMPLE"
vaultServer: vault.lab.example
condorCollectorHost: collector.lab.example
minTokenLifetime: ${lifetime}
experiments:
  dune: { emails: [a@lab.example], roles: { production: { account: dunepro, destinationNodes: [] } } }
`

function follow(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'mt-follow-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'managedTokens.yml')
  writeFileSync(file, text('3d'))
  const lines: { level: number; msg: string; theirs?: string; keys?: string[] }[] = []
  const log = pino({}, { write: (line) => void lines.push(JSON.parse(line)) })
  let hear: (data: Uint8Array) => void = () => assert.fail('nobody listens')
  let reconnect = () => {}
  const nc = {
    subscribe(
      subject: string,
      { callback }: { callback: (error: null, message: { data: Uint8Array }) => void },
    ) {
      assert.equal(subject, 'run.started')
      hear = (data) => callback(null, { data })
      return {
        unsubscribe() {
          hear = () => {}
        },
      }
    },
    status() {
      let isOver = false
      const statuses = async function* () {
        while (!isOver) {
          await new Promise<void>((resolve) => {
            reconnect = resolve
          })
          yield { type: 'reconnect' }
        }
      }
      const stop = () => {
        isOver = true
      }
      return Object.assign(statuses(), { stop })
    },
  }
  const source = openSiteSource(file, readEnvironment({}))
  const following = followConfig(source, { bus: { nc } as unknown as Bus, log })
  const start = (configHash: string) =>
    hear(
      new TextEncoder().encode(
        JSON.stringify({
          ...{ schema: '1.0', run: '01J0000000000000000000000A', at: '2031-01-01T06:00:00Z', configHash },
          ...{ deadline: '2031-01-01T06:05:00Z', trigger: 'request', mode: { push: true, notify: true } },
          entries: [],
        }),
      ),
    )
  const errors = () => lines.filter(({ level }) => level === 50)
  return {
    file,
    source,
    start,
    hearRaw: (data: Uint8Array) => hear(data),
    reconnect: () => reconnect(),
    stop: () => following[Symbol.dispose](),
    errors,
    warnings: () => lines.filter(({ level }) => level === 40),
  }
}

describe('a daemon that hears of a run', () => {
  it('uses the newest file from then on', (t) => {
    const { file, source, start, errors } = follow(t)
    const before = source.current().hash
    writeFileSync(file, text('4d'))
    assert.equal(source.current().hash, before)
    start(before)
    assert.notEqual(source.current().hash, before)
    assert.equal(source.current().entries[0]?.minTokenLifetime, '4d')
    assert.deepEqual(
      errors().map(({ theirs }) => theirs),
      [before],
      'and says loudly that the run was planned with another',
    )
  })
  it('says which changed keys count only after a restart', (t) => {
    const { file, source, start, warnings } = follow(t)
    writeFileSync(file, `telemetry: {metricsPort: 9100}\n${text('4d')}`)
    start(source.current().hash)
    start(source.current().hash)
    assert.deepEqual(
      warnings().map(({ keys, msg }) => [keys, msg]),
      [[['telemetry'], 'these keys were changed and count only once this daemon is started again']],
    )
  })
  it('says nothing where all have the same file', (t) => {
    const { source, start, errors } = follow(t)
    start(source.current().hash)
    assert.deepEqual(errors(), [])
  })
  it('keeps the last good one, says why once, and knows what is wrong until it is good again', (t) => {
    const { file, source, start, errors } = follow(t)
    const { hash } = source.current()
    writeFileSync(file, text('soon'))
    start(hash)
    start(hash)
    assert.equal(source.current().hash, hash)
    assert.equal(errors().length, 1)
    assert.deepEqual(
      source.problems().map(({ line, column }) => [line, column]),
      [[5, 19]],
    )
    writeFileSync(file, text('3d'))
    start(hash)
    assert.deepEqual(source.problems(), [])
  })
  it('does not mind what is no plan', (t) => {
    const { hearRaw, errors } = follow(t)
    hearRaw(new TextEncoder().encode('<html>'))
    assert.deepEqual(errors(), [])
  })
  it('looks again when the bus was away: it may have missed one', async (t) => {
    const { file, source, reconnect } = follow(t)
    writeFileSync(file, text('5d'))
    await new Promise(setImmediate)
    reconnect()
    await new Promise(setImmediate)
    assert.equal(source.current().entries[0]?.minTokenLifetime, '5d')
  })
  it('reads nothing any more once it stops', async (t) => {
    const { file, source, start, reconnect, stop } = follow(t)
    const { hash } = source.current()
    stop()
    writeFileSync(file, text('6d'))
    start(hash)
    reconnect()
    await new Promise(setImmediate)
    assert.equal(source.current().hash, hash)
  })
})
