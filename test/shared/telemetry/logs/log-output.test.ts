import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { createLog } from '../../../../shared/telemetry/logs/log.ts'
import { logDirectoryOf, openLogOutput } from '../../../../shared/telemetry/logs/log-output.ts'
import { eventually } from '../../../support/latch.ts'

const directory = mkdtempSync(join(tmpdir(), 'mt-log-'))
after(() => rmSync(directory, { recursive: true, force: true }))
/** The messages in a file, once there are so many: on a busy machine a flush may end before its lines are written. */
async function messages(file: string, count: number): Promise<string[]> {
  const lines = () => readFileSync(join(directory, file), 'utf8').split('\n').slice(0, -1)
  await eventually(async () => lines().length >= count, `${count} lines in ${file}`)
  return lines().map((line) => JSON.parse(line).msg)
}

describe('a daemon’s log file', () => {
  it('is named after the daemon, and goes on in a new one when told to reopen', async () => {
    const output = openLogOutput('storer', { directory })
    const log = createLog('storer', output)
    log.info('before')
    await output.flush()
    renameSync(join(directory, 'storer.log'), join(directory, 'storer.log.1'))
    log.info('to the old file, as nobody has been told')
    await output.flush()
    const old = ['before', 'to the old file, as nobody has been told']
    assert.deepEqual(await messages('storer.log.1', 2), old)
    output.reopen()
    log.info('after')
    await output[Symbol.asyncDispose]()
    assert.deepEqual(await messages('storer.log', 1), ['after'])
    assert.deepEqual(await messages('storer.log.1', 2), old)
  })

  it('that cannot be written is refused with what to do', () => {
    writeFileSync(join(directory, 'a-file'), '')
    assert.throws(
      () => openLogOutput('storer', { directory: join(directory, 'a-file') }),
      /storer\.log cannot be written \(E\w+\): let this user write .*logs\.token-push\.logfile/,
    )
  })
})

describe('the directory of a log file', () => {
  const cases: Readonly<
    Record<string, [configured: string | undefined, ofUnit: string | undefined, expected: string | undefined]>
  > = {
    'is the configured one': ['/var/log/managed-tokens', undefined, '/var/log/managed-tokens'],
    'is the unit’s own below it': [
      '/var/log/managed-tokens',
      '/var/log/managed-tokens/storer',
      '/var/log/managed-tokens/storer',
    ],
    'is the configured one where the unit’s is elsewhere': [
      '/srv/log',
      '/var/log/managed-tokens/storer',
      '/srv/log',
    ],
    'is none where no file is configured': [undefined, '/var/log/managed-tokens/storer', undefined],
  }
  for (const [what, [configured, ofUnit, expected]] of Object.entries(cases))
    it(what, () => assert.equal(logDirectoryOf(configured, ofUnit), expected))
})
