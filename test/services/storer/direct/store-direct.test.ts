/** Storing without condor_vault_storer: what htgettoken gives goes to condor_store_cred, by its standard input alone, under the locks. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { runStorer } from '../../../../services/storer/condor/run-storer.ts'
import type { StorerRun } from '../../../../services/storer/condor/storer-run.ts'
import { isDue } from '../../../../services/storer/direct/is-due.ts'
import { locksOf, prepareLocks } from '../../../../services/storer/exclusive/locks.ts'
import { openStaging } from '../../../../services/storer/private-run/stage.ts'
import { entryOf, siteOf } from '../../build.ts'

const token = `hvs.${'planted'.repeat(5)}`
const url = 'https://vault.lab.example:8200/v1/secret/oauth/creds/dune/dunepro/robot:production'

/** Shell commands for the two programs; each finds what it needs in `$HOME/../..`. */
interface Programs {
  readonly htgettoken?: string
  readonly condorStoreCred?: string
}

async function storeBy(t: TestContext, programs: Programs, missing: readonly string[] = []) {
  const directory = mkdtempSync(join(tmpdir(), 'mt-direct-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const program = (name: string, commands: string) => {
    const file = join(directory, name)
    if (missing.includes(name)) return file
    writeFileSync(
      file,
      `#!/bin/sh\ncd "$HOME/../.."\nprintf '%s\\n' "$@" >${name}.argv\nenv >${name}.env\n${commands}\n`,
    )
    chmodSync(file, 0o755)
    return file
  }
  const site = siteOf('storer: {method: direct}')
  const entry = entryOf('storer: {method: direct}')
  const lockFile = join(directory, 'lock')
  await prepareLocks(lockFile)
  const locks = locksOf(lockFile, entry, 'credd1', 1)
  const stage = await openStaging(join(directory, 'runs')).stage(entry, 'credd1', { keeps: false })
  const run: StorerRun = {
    ...{ entry, credd: 'credd1', stage, vaultServer: 'vault.lab.example', ccache: '/nowhere' },
    site: {
      ...site,
      refresher: {
        ...site.refresher,
        htgettoken: program('htgettoken', programs.htgettoken ?? `echo ${token}; echo ${url}`),
      },
      storer: {
        ...site.storer,
        condorStoreCred: program('condor_store_cred', programs.condorStoreCred ?? 'cat >stored'),
      },
    },
    signal: t.signal,
  }
  const read = (name: string) => readFileSync(join(directory, name), 'utf8')
  return { stored: runStorer(run, locks).then(() => read), read, locks, stage }
}

describe('a store without condor_vault_storer', () => {
  it('gives the credd what condor_vault_storer gives it', async (t) => {
    const read = await (await storeBy(t, {})).stored
    assert.equal(read('stored'), `{\n  "vault_token": "${token}",\n  "vault_url": "${url}"\n}\n`)
    assert.deepEqual(read('condor_store_cred.argv').split('\n').slice(0, -1), [
      ...['add-oauth', '-s', 'dune_production', '-i', '-'],
    ])
  })

  it('asks htgettoken for a token of 28 days, for the service alone, with files of its own', async (t) => {
    const { stored, stage } = await storeBy(t, {})
    const words = (await stored)('htgettoken.argv').split('\n').slice(0, -1)
    assert.deepEqual(words, [
      ...['-v', '--nooidc', '--nossh', '--vaultserver=vault.lab.example', '--issuer=dune'],
      ...[
        '--role=production',
        '--credkey=dunepro/robot@LAB.EXAMPLE',
        `--vaulttokeninfile=${stage.home}/none`,
      ],
      ...['--vaulttokenfile=/dev/stdout', `--configdir=${stage.home}/config`, '--vaulttokenttl=28d'],
      ...['--showbearerurl', `--outfile=${stage.bearerFile}`],
    ])
  })

  it('shows the token to nobody: not in arguments, not in an environment', async (t) => {
    const read = await (await storeBy(t, {})).stored
    const seen = ['htgettoken', 'condor_store_cred'].flatMap((name) => [
      read(`${name}.argv`),
      read(`${name}.env`),
    ])
    assert.deepEqual(
      seen.filter((text) => text.includes(token)),
      [],
    )
  })

  it('holds its locks from the first program to the end of the last', async (t) => {
    const tryLocks = 'for lock in lock lock.d/*; do flock -n "$lock" true || echo held; done'
    const { stored, read } = await storeBy(t, {
      htgettoken: `(${tryLocks}) >during; echo ${token}; echo ${url}`,
      condorStoreCred: `cat >/dev/null; (${tryLocks}) >>during`,
    })
    await stored
    assert.equal(read('during'), 'held\n'.repeat(6))
  })

  const denied = 'Read token from https://v:8200/v1/secret/oauth/creds/dune/d:production failed: HTTPError: '
  const failures: Record<string, [Programs, string, missing?: string[]]> = {
    'nobody has logged in': [
      { htgettoken: `echo '${denied}Not Found: ' >&2; exit 1` },
      'authentication-needed',
    ],
    'Vault limits the rate': [
      { htgettoken: `echo '${denied}Too Many Requests: ' >&2; exit 1` },
      'rate-limited',
    ],
    'htgettoken is not there': [{}, 'storer-failed', ['htgettoken']],
    'htgettoken ends well and says nothing': [{ htgettoken: ':' }, 'storer-failed'],
    'htgettoken gives a URL alone': [{ htgettoken: `echo ${url}` }, 'storer-failed'],
    'htgettoken says more than that': [
      { htgettoken: `echo ${token}; echo more; echo ${url}` },
      'storer-failed',
    ],
    'htgettoken never stops printing': [{ htgettoken: 'exec cat /dev/zero' }, 'storer-failed'],
    'the token would end the text that it stands in': [
      { htgettoken: `echo 'a","b":"c'; echo ${url}` },
      'storer-failed',
    ],
    'the URL is none of TLS': [{ htgettoken: `echo ${token}; echo http://vault/v1/x` }, 'storer-failed'],
    'the credd does not allow it': [
      { condorStoreCred: "cat >/dev/null; echo 'Operation failed because it is not allowed' >&2; exit 1" },
      'credd-not-allowed',
    ],
    'the credd is not there': [{ condorStoreCred: 'echo Operation failed.; exit 1' }, 'credd-unreachable'],
    'condor_store_cred is not there': [{}, 'storer-failed', ['condor_store_cred']],
  }
  for (const [why, [programs, code, missing]] of Object.entries(failures))
    it(`fails where ${why}: ${code}`, async (t) => {
      const { stored } = await storeBy(t, programs, missing)
      await assert.rejects(stored, (error: Error & { failure?: { code: string } }) => {
        assert.equal(error.failure?.code, code)
        assert.ok(!JSON.stringify(error).includes(token) && !error.message.includes(token))
        return true
      })
    })
})

describe('a token in a credd', () => {
  const day = 24 * 60 * 60_000
  const ages: Record<string, [days: number, minTokenLifetime: string, expected: boolean]> = {
    'that was just stored is good': [0, '3d', false],
    'is good until one of 7 days would live shorter than wanted': [3.9, '3d', false],
    'is stored anew after that': [4.1, '3d', true],
    'is stored anew after 7 days where no life is asked': [7.1, '10s', true],
    'is good for those 7 days': [6.9, '10s', false],
  }
  for (const [what, [days, minTokenLifetime, expected]] of Object.entries(ages))
    it(what, () => assert.equal(isDue(1_000, { minTokenLifetime }, 1_000 + days * day), expected))

  it('that does not say since when is stored anew', () =>
    assert.equal(isDue(0, { minTokenLifetime: '10s' }), true))
})
