/** What is named as the state directory is made, or refused with the next step, also where Node's own recursion never ends. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { printKeys } from '../../../cli/keys.ts'
import { describeError } from '../../../cli/terminal/report-error.ts'
import { ensureStateRoot } from '../../../cli/up/state-root.ts'
import { runUp } from '../../../cli/up/up.ts'
import { stateDirectory } from '../../../shared/daemon/state.ts'
import { siteText } from '../../shared/config/site-text.ts'

const directory = mkdtempSync(join(tmpdir(), 'mt-root-'))
after(() => rmSync(directory, { recursive: true }))

const file = join(directory, 'file')
writeFileSync(file, '')
const occupied = join(directory, 'occupied')
mkdirSync(occupied)
writeFileSync(join(occupied, 'storer'), '')

const configFile = join(directory, 'managedTokens.yml')
writeFileSync(configFile, siteText())

const refused = {
  'a file': [file, 'there is a file in its place'],
  'a path below a file': [join(file, 'below'), 'there is a file in its place'],
  'a directory with a file where a daemon’s is': [occupied, 'there is a file in its place'],
  'a place where no directory can be made': ['/proc/nope', 'no directory can be made there'],
  'a path below such a place': ['/proc/nope/below', 'no directory can be made there'],
} as const
const sentence = (root: string, why: string) =>
  `${root} cannot hold the state (${why}): give another directory with --state, or $MANAGED_TOKENS_STATE.`

describe('the state directory', () => {
  for (const [what, [root, why]] of Object.entries(refused))
    it(`is refused by keys and up, exit code 2, where it is ${what}`, async () => {
      const isRefused = (error: unknown) => {
        assert.deepEqual(describeError(error), {
          code: 'wrong-use',
          message: sentence(root, why),
          exitCode: 2,
        })
        return true
      }
      await assert.rejects(printKeys(root, false), isRefused)
      const up = { configFile, stateRoot: root, allowRoot: true, loki: true, natsPort: 0 }
      await assert.rejects(runUp(up), isRefused)
    })

  it('is made with its parents, twice is once, and each daemon’s part is for its owner only', async () => {
    const root = join(directory, 'some/where')
    await ensureStateRoot(root)
    await ensureStateRoot(root)
    assert.equal(statSync(root).mode & 0o022, 0)
    assert.equal(statSync(stateDirectory(root, 'storer')).mode & 0o777, 0o700)
  })
})
