/** A wrong configuration is refused by the program itself, every problem with its place, before anything is started or written. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { makeDirectory } from '../support/pipeline.ts'
import { findProcesses } from '../support/site-ends.ts'

const program = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

const wrong = `keytabPath: /etc/keytabs
keytabPth: /etc/keytabs
vaultServer: vault.example.test
storer:
  lane: 2
  lanes: many
experiments:
  dune:
    emails: [operators@example.test]
    roles:
      production:
        destinationNodes: [node1.example.test, -oProxyCommand=x]
`

for (const command of ['config check', 'up'])
  it(`managed-tokens ${command} names all that is wrong, exits 2, and leaves nothing running or written`, async () => {
    await using directory = await makeDirectory()
    const file = join(directory.path, 'managedTokens.yml')
    writeFileSync(file, wrong)
    const state = join(directory.path, 'state')
    mkdirSync(state)
    const args =
      command === 'up'
        ? ['up', '--allow-root', '--state', state, '--config', file]
        : ['config', 'check', file]
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    const said = `${stdout}${stderr}`
    assert.equal(status, 2, said)
    const places = said
      .split('\n')
      .flatMap((line) => /^\S+\/managedTokens\.yml:(\d+:\d+: \w+): /.exec(line)?.[1] ?? [])
    assert.deepEqual(
      places,
      ['2:1: warning', '5:3: error', '6:10: error', '11:7: error', '12:48: error'],
      said,
    )
    assert.match(said, /5:3: error: unknown key "lane" in storer.*lanes/)
    assert.doesNotMatch(said, /^ {4}at /m)
    assert.deepEqual(readdirSync(state), [])
    assert.deepEqual(findProcesses(directory.path), [])
  })
