/** A command that a person sits at: what it says on stderr is shown, and known to the caller. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { runInteractive } from '../../../shared/commands/interactive-command.ts'
import { isGone } from '../../support/processes.ts'

const shell = (script: string) =>
  runInteractive({
    ...{ file: 'sh', args: ['-c', script] },
    ...{ env: { PATH: '/usr/bin:/bin' }, timeoutMs: 60_000 },
  })

/** What is shown meanwhile. */
function watchShown(t: TestContext): () => string {
  let shown = ''
  t.mock.method(process.stderr, 'write', (text: string) => {
    shown += text
    return true
  })
  return () => shown
}

describe('a command for a person', () => {
  for (const [how, script] of Object.entries({
    'by its descriptor': 'echo "open this page" >&2; exit 3',
    'by its name, as a wrapper does': 'echo "open this page" >/dev/stderr; exit 3',
  }))
    it(`says on stderr, which it writes to ${how}, what the person and the caller get`, async (t) => {
      const shown = watchShown(t)
      const outcome = await shell(script)
      t.mock.restoreAll()
      assert.deepEqual(outcome, { kind: 'exited', exitCode: 3, stderr: 'open this page\n' })
      assert.equal(shown(), 'open this page\n')
    })

  it('is over when it ends, whoever still holds its stderr', async (t) => {
    const shown = watchShown(t)
    const outcome = await shell('setsid sleep 600 & echo $! >&2')
    t.mock.restoreAll()
    const left = Number(shown())
    process.kill(left, 'SIGKILL')
    await isGone(left)
    assert.ok(outcome.kind === 'exited' && outcome.exitCode === 0)
  })

  it('may be missing', async () =>
    assert.deepEqual(
      await runInteractive({ file: '/nowhere/htgettoken', args: [], env: {}, timeoutMs: 60_000 }),
      { kind: 'missing', reason: 'not found' },
    ))
})
