/** A kept vault token that Vault refuses is forgotten, and only such a one: with it every further run would be refused. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { runStorer } from '../../../../services/storer/condor/run-storer.ts'
import { locksOf, prepareLocks } from '../../../../services/storer/exclusive/locks.ts'
import { keptToken, openStaging } from '../../../../services/storer/private-run/stage.ts'
import { entryOf, siteOf } from '../../build.ts'

const vault = 'https://vault.lab.example:8200'
const denied = '1 error occurred:\n\t* permission denied\n\n'
const lookup = `Looking up vault token at ${vault}/v1/auth/token/lookup-self failed: HTTPError: `
const read = `Read token from ${vault}/v1/secret/oauth/creds/dune/dunepro:production failed: HTTPError: `

describe('a storer that failed', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mt-refused-'))
  after(() => rmSync(directory, { recursive: true, force: true }))
  const words = join(directory, 'words')
  const program = join(directory, 'condor_vault_storer')
  writeFileSync(program, `#!/bin/sh\ncat ${words} >&2\nexit 1\n`)
  chmodSync(program, 0o755)

  const rows: Record<string, [said: string, code: string, isKept: boolean]> = {
    'because Vault refused the kept token, and nobody has logged in': [
      `${lookup}Forbidden: ${denied}${read}Not Found: `,
      'authentication-needed',
      false,
    ],
    'because the issuer is away': [`${read}Bad Request: token expired`, 'issuer-unreachable', true],
    'because Vault is away': [`${lookup}Bad Gateway: \n${read}Bad Gateway: `, 'vault-unreachable', true],
  }
  for (const [why, [said, code, isKept]] of Object.entries(rows))
    it(`${why}, ${isKept ? 'keeps its vault token' : 'forgets it'}`, async () => {
      const entry = { ...entryOf(), vaultTokenRoot: directory }
      const kept = keptToken(entry, 'credd1')
      writeFileSync(kept, 'not-a-token\n')
      writeFileSync(words, `\n${said}\nhtgettoken: Failure getting token from ${vault}\n`)
      const site = siteOf()
      await using stage = await openStaging(join(directory, 'runs')).stage(entry, 'credd1')
      const lockFile = join(directory, 'lock')
      await prepareLocks(lockFile)
      const run = {
        ...{ entry, credd: 'credd1', stage, vaultServer: 'vault.lab.example', ccache: '/nowhere' },
        site: { ...site, storer: { ...site.storer, condorVaultStorer: program } },
        signal: new AbortController().signal,
      }
      const stored = runStorer(run, locksOf(lockFile, entry, 'credd1', 1))
      await assert.rejects(stored, ({ failure }) => failure.code === code)
      assert.equal(existsSync(kept), isKept)
    })
})
