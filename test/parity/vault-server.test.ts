/** Where the Vault server of a service is looked up, in the predecessor's order: HTCondor's variable, the file, HTCondor's configuration. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const directory = mkdtempSync(join(tmpdir(), 'mt-vault-server-'))
after(() => rmSync(directory, { recursive: true, force: true }))

/** The environment is read once in a process, so each case has one of its own. */
const script = join(directory, 'ask.ts')
const shared = join(import.meta.dirname, '../../shared')
writeFileSync(
  script,
  `import { findVaultServer } from '${shared}/vault/server.ts'
const [condorConfigVal, vaultServer] = process.argv.slice(2)
const options = { condorConfigVal, timeoutMs: 60000, signal: AbortSignal.timeout(60000) }
const entry = { name: 'dune_production', ...(vaultServer ? { vaultServer } : {}) }
process.stdout.write(await findVaultServer(entry, options).catch((error) => error.failure.code))
`,
)

function find({ variable = '', file = '', condor = '' }): string {
  const program = join(directory, 'condor_config_val')
  writeFileSync(
    program,
    `#!/bin/sh\n[ "$1" = SEC_CREDENTIAL_GETTOKEN_OPTS ] || exit 1\n${condor ? `echo '${condor}'` : 'echo "Not defined: $1" >&2; exit 1'}\n`,
  )
  chmodSync(program, 0o755)
  const { stdout, stderr } = spawnSync(process.execPath, [script, program, file], {
    env: { PATH: process.env.PATH, ...(variable && { _condor_SEC_CREDENTIAL_GETTOKEN_OPTS: variable }) },
    encoding: 'utf8',
  })
  return stdout || stderr
}

test('the variable of HTCondor wins over the file', () => {
  assert.equal(find({ variable: '-a v1.lab --minsecs=5', file: 'v2.lab', condor: '-a v3.lab' }), 'v1.lab')
})
test('the file wins over HTCondor’s configuration', () => {
  assert.equal(find({ file: 'v2.lab', condor: '-a v3.lab' }), 'v2.lab')
})
test('HTCondor’s configuration is asked last', () => {
  assert.equal(find({ condor: '--vaultserver=v3.lab:8200' }), 'v3.lab:8200')
})
test('a variable that names no server is passed over', () => {
  assert.equal(find({ variable: '--minsecs=5', condor: '-a v3.lab' }), 'v3.lab')
})
test('nobody who knows one is a failure that says so', () => {
  assert.equal(find({}), 'no-vault-server')
})
