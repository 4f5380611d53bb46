import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { ensureNatsKeys } from '../../../../cli/up/credentials.ts'
import { daemons } from '../../../../shared/contracts/subjects.ts'
import { siteText } from '../../config/site-text.ts'

const root = join(import.meta.dirname, '../../../..')
const nobody = 'http://127.0.0.1:9'

describe('what a daemon loads of OpenTelemetry, and of a web server', { concurrency: true }, () => {
  const state = mkdtempSync(join(tmpdir(), 'mt-sdk-'))
  const config = join(state, 'managedTokens.yml')
  before(async () => {
    writeFileSync(config, siteText())
    await ensureNatsKeys(state)
  })
  after(() => rmSync(state, { recursive: true }))

  /** The packages that it has asked for by the time it looks for NATS. */
  async function packagesOf(daemon: string, env: Record<string, string>): Promise<Set<string>> {
    const recorded = join(state, `${daemon}-${Object.keys(env).length}.modules`)
    const options = ['--config', config, '--state', state, '--nats', 'nats://127.0.0.1:1', '--allow-root']
    const child = fork(join(root, `services/${daemon}/main.ts`), options, {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      execArgv: ['--import', join(root, 'test/support/record-modules.ts')],
      env: { PATH: process.env.PATH, RECORDED_MODULES: recorded, ...env },
    })
    const ended = once(child, 'exit')
    let said = ''
    for await (const chunk of child.stdout ?? []) {
      said += chunk
      if (said.includes('connecting to NATS')) child.kill('SIGTERM')
    }
    await ended
    assert.match(said, /connecting to NATS/)
    const urls = readFileSync(recorded, 'utf8').split('\n')
    return new Set(urls.flatMap((url) => /@opentelemetry\/[\w-]+|(?<=node_modules\/)fastify/.exec(url) ?? []))
  }

  for (const daemon of daemons)
    it(`nothing but the API where nothing goes by OTLP: ${daemon}`, async () => {
      assert.deepEqual([...(await packagesOf(daemon, {}))], ['@opentelemetry/api'])
    })

  it('the SDK where lines do', async () => {
    const loaded = await packagesOf('storer', { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: nobody })
    assert.ok(loaded.has('@opentelemetry/sdk-node'))
  })
})
