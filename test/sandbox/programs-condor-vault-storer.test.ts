import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, afterEach, before, describe, it } from 'node:test'
import { readCalls, readMisuse } from '../../sandbox/calls.ts'
import { hold, release, waitHeld } from '../../sandbox/hold.ts'
import { credkeyOfDune, startVaultSite, type VaultSite, writeCondorConfig } from './vault-site.ts'

describe('condor_vault_storer (stand-in)', () => {
  let site: VaultSite
  let env: Record<string, string>
  let storer: string
  let top: string
  let vaultFile: string
  before(async () => {
    site = await startVaultSite()
    env = site.env('dunepro')
    storer = join(site.layout.bin, 'condor_vault_storer')
    top = join(site.layout.credds, 'credd1.sandbox.test', 'dunepro', 'dune_production.top')
    vaultFile = `/tmp/vt_${env.CONDOR_VAULT_STORER_ID}-dune_production`
  })
  after(() => site[Symbol.asyncDispose]())
  afterEach(() => {
    site.setFaults({})
    for (const file of [top, top.replace(/top$/, 'use'), vaultFile, env.BEARER_TOKEN_FILE as string])
      rmSync(file, { force: true })
    rmSync(join(site.dir, 'misuse.jsonl'), { force: true })
    rmSync(join(site.dir, 'condor', 'config.json'), { force: true })
  })

  const store = (argv: readonly string[] = ['dune_production'], more: Record<string, string> = {}) =>
    site.call('condor_vault_storer', argv, { ...env, ...more })
  const storeIntoPipe = async () => {
    const child = spawn(
      '/bin/bash',
      ['-c', 'set -o pipefail; "$@" | cat', 'sh', storer, '-v', 'dune_production'],
      {
        env,
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    const [stdout, [exit]] = await Promise.all([text(child.stdout), once(child, 'close')])
    return { exit, stdout }
  }
  const loseCredential = () => {
    for (const file of [top, top.replace(/top$/, 'use')]) rmSync(file, { force: true })
  }
  const stored = () => JSON.parse(readFileSync(top, 'utf8')) as { vault_token: string; vault_url: string }

  it('stores a 28-day token, keeps a 7-day one, and says nothing', async () => {
    assert.deepEqual(await store(), { exit: 0, stdout: '', stderr: '' })
    assert.match(stored().vault_token, /^hvs\./)
    assert.equal(stored().vault_url, `${site.url}/v1/secret/oauth/creds/dune/${credkeyOfDune}:production`)
    assert.equal(statSync(vaultFile).mode & 0o777, 0o600)
    assert.notEqual(readFileSync(vaultFile, 'utf8').trim(), stored().vault_token)
    assert.equal(
      readFileSync(`/tmp/vt_${env.CONDOR_VAULT_STORER_ID}`, 'utf8'),
      readFileSync(vaultFile, 'utf8'),
    )
    assert.match(readFileSync(env.BEARER_TOKEN_FILE as string, 'utf8'), /^eyJ/)
    assert.deepEqual(
      readdirSync(join(site.dir, 'run')).filter((name) => name.startsWith('bt_tmp')),
      [],
    )
    assert.deepEqual(readMisuse(site.dir), [])
  })

  it('only asks the credd the second time, while the token on this machine is good', async () => {
    await store()
    const before = stored()
    assert.equal((await store()).exit, 0)
    assert.deepEqual(stored(), before)
    const inner = readCalls(site.dir)
      .slice(-3)
      .map(({ program, argv }) => `${program} ${argv[0]}`)
    assert.deepEqual(inner, [
      'condor_vault_storer dune_production',
      'htgettoken --vaulttokenttl=28d',
      'condor_store_cred query-oauth',
    ])
  })

  it('stores again what the credd has lost', async () => {
    await store()
    const before = stored()
    loseCredential()
    assert.equal((await store()).exit, 0)
    assert.notEqual(stored().vault_token, before.vault_token)
  })

  it('is content with the monitor’s file alone, and stores nothing', async () => {
    await store()
    rmSync(top)
    assert.equal((await store()).exit, 0)
    assert.equal(existsSync(top), false)
    loseCredential()
  })

  it('cannot heal a credd when its own token is read-only', async () => {
    await store()
    loseCredential()
    chmodSync(vaultFile, 0o400)
    const { exit, stderr } = await store()
    assert.equal(exit, 1)
    assert.match(
      stderr,
      /^\ncondor_vault_storer: No dune_production credentials stored and \S+ is readonly\n {2}More details/,
    )
  })

  it('leaves the bearer in XDG_RUNTIME_DIR when no file is named', async () => {
    const { BEARER_TOKEN_FILE: _, ...bare } = env
    assert.equal((await site.call('condor_vault_storer', ['dune_production'], bare)).exit, 0)
    const name = join(site.dir, 'run', `bt_${env.CONDOR_VAULT_STORER_ID}`)
    assert.equal(readFileSync(name, 'utf8'), readFileSync(`${name}-dune_production`, 'utf8'))
  })

  it('stores only a URL for a handle, beside the credential it borrows from', async () => {
    assert.equal((await store(['dune_production&handle=ro&scopes=storage.read:/'])).exit, 0)
    const named = JSON.parse(readFileSync(top.replace('.top', '_ro.top'), 'utf8')) as Record<string, string>
    assert.match(named.vault_url ?? '', /\/secret\/oauth\/sts\//)
    assert.equal('vault_token' in named, false)
  })

  const refused = {
    'no service': [[], /Usage: condor_vault_storer \[-vd\]/],
    'an unknown option': [
      ['-x', 'dune'],
      /^condor_vault_storer: illegal option -- x\n\nUsage: condor_vault_storer \[-vd\][\s\S]*&options=<args>/,
    ],
    'two underscores': [
      ['dune_production_x'],
      /condor_vault_storer: Only one underscore allowed in use_oauth_services name/,
    ],
    'scopes without a handle': [['dune_production&scopes=a'], /reduced scopes or audience require a handle/],
  } as const
  for (const [what, [argv, text]] of Object.entries(refused)) {
    it(`refuses ${what} with exit 1`, async () => {
      const { exit, stderr } = await store(argv)
      assert.equal(exit, 1)
      assert.match(stderr, text)
    })
  }

  it('says "Authentication needed" after any failure: also when Vault is down', async () => {
    site.setFaults({ 'vault-down': true })
    const { exit, stdout, stderr } = await store()
    assert.equal(exit, 1)
    assert.equal(stdout, '\n')
    assert.match(stderr, /^Authentication needed for dune_production\n/)
    assert.match(
      stderr,
      /htgettoken: Kerberos negotiate with .*Connection (?:reset by peer|refused)[\s\S]*condor_vault_storer: htgettoken failed/,
    )
  })

  it('cannot store with -v when its standard output is a socket: it opens /dev/stdout by name', async () => {
    const { exit, stderr } = await store(['-v', 'dune_production'])
    assert.equal(exit, 1)
    assert.match(
      stderr,
      /\/dev\/stdout: No such device or address\n[\s\S]*Failed to store condor credentials for dune_production/,
    )
  })

  it('stores with -v into a pipe, and shows what condor_store_cred said', async () => {
    const { exit, stdout } = await storeIntoPipe()
    assert.equal(exit, 0)
    assert.match(stdout, /Operation succeeded and is waiting for processing/)
    assert.match(stored().vault_token, /^hvs\./)
  })

  it('asks condor_config_val seven times, and goes on without an answer when that is broken', async () => {
    const program = join(site.layout.bin, 'condor_config_val')
    const asked = join(site.dir, 'asked')
    const working = readFileSync(program)
    writeFileSync(program, `#!/bin/sh\necho "$@" >>'${asked}'\necho broken >&2\nexit 127\n`)
    try {
      const { exit, stdout, stderr } = await store()
      assert.equal(exit, 1)
      assert.match(stdout + stderr, /Missing required parameters: \['--vaultserver'\]\n\nUsage: htgettoken/)
      assert.doesNotMatch(stderr, /broken/)
    } finally {
      writeFileSync(program, working)
    }
    assert.equal(readFileSync(asked, 'utf8').trim().split('\n').length, 7)
  })

  it('tells with -v that the login worked when somebody must log in first', async () => {
    site.setFaults({ 'needs-onboarding': ['dune_production'] })
    const { exit, stderr } = await store(['-v', 'dune_production'])
    assert.equal(exit, 1)
    assert.match(
      stderr,
      /Attempting to get bearer token[\s\S]*Read token from .* failed: HTTPError: Not Found:[\s\S]*Authentication needed for dune_production/,
    )
  })

  const creddFaults = {
    'credd-down': /Failed to store condor credentials for dune_production/,
    'credd-refuses': /Failed to store condor credentials for dune_production/,
    'untrusted-vault-host':
      /Credential requires interacting with an untrusted host\n[\s\S]*Failed to store condor credentials/,
  } as const
  for (const [fault, text] of Object.entries(creddFaults)) {
    it(`fails for this credd alone under ${fault}`, async () => {
      site.setFaults({ [fault]: ['credd1'] })
      const { exit, stderr } = await store()
      assert.equal(exit, 1)
      assert.match(stderr, text)
      assert.equal(existsSync(top), false)
      assert.equal((await store(['dune_production'], { _condor_CREDD_HOST: 'credd2.sandbox.test' })).exit, 0)
    })
  }

  it('refuses a credential with other scopes', async () => {
    site.setFaults({ 'scope-mismatch': ['dune_production'] })
    const { exit, stderr } = await store()
    assert.equal(exit, 1)
    assert.match(stderr, /condor_vault_storer: Credentials exist that do not match the request/)
  })

  it('ends well with nothing stored under storer-stores-nothing, and under credd-forgets', async () => {
    site.setFaults({ 'storer-stores-nothing': ['dune_production'] })
    assert.equal((await store()).exit, 0)
    assert.equal(existsSync(top), false)
    site.setFaults({ 'credd-forgets': ['credd1'] })
    assert.equal((await store()).exit, 0)
    assert.equal(existsSync(top), false)
    assert.equal(existsSync(vaultFile), true)
  })

  it('leaves the bearer of somebody else under storer-wrong-service', async () => {
    site.setFaults({ 'storer-wrong-service': ['dune_production'] })
    assert.equal((await store()).exit, 0)
    const bearer = readFileSync(env.BEARER_TOKEN_FILE as string, 'utf8').trim()
    const claims = JSON.parse(Buffer.from(bearer.split('.')[1] ?? '', 'base64url').toString()) as Record<
      string,
      unknown
    >
    assert.deepEqual(claims['wlcg.groups'], ['/elsewhere', '/elsewhere/production'])
    assert.ok(site.issuedTokens().some(({ token }) => token === bearer))
  })

  it('hangs with a child, both deaf to SIGTERM, and dies as a group under SIGKILL', async () => {
    site.setFaults({ 'storer-hangs': ['dune_production'] })
    const child = spawn(join(site.layout.bin, 'condor_vault_storer'), ['dune_production'], {
      env,
      detached: true,
      stdio: 'ignore',
    })
    const group = child.pid as number
    const hanging = await waitForBoth(group)
    process.kill(-group, 'SIGTERM')
    assert.deepEqual(await waitForBoth(group), hanging)
    process.kill(-group, 'SIGKILL')
    await ended(child)
    while (membersOf(group).length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  })

  it('prints 64 MB under storer-prints-much', async () => {
    site.setFaults({ 'storer-prints-much': ['dune_production'] })
    const { exit, stderr } = await store()
    assert.equal(exit, 0)
    assert.ok(stderr.length >= 64 * 1024 * 1024)
  })

  it('skips a service of another credmon in silence, unless the mode says vault', async () => {
    writeCondorConfig(site, { LOCAL_CREDMON_PROVIDER_NAMES: 'scitokens, dune' })
    const { CONDOR_CREDENTIAL_STORER_MODE: _, ...bare } = env
    assert.deepEqual(await site.call('condor_vault_storer', ['dune_production'], bare), {
      exit: 0,
      stdout: '',
      stderr: '',
    })
    assert.equal(existsSync(top), false)
    assert.equal((await store()).exit, 0)
    assert.equal(existsSync(top), true)
  })

  it('goes by the service alone in the lists of other credmons than the local one', async () => {
    const { CONDOR_CREDENTIAL_STORER_MODE: _, ...bare } = env
    const isStored = async () => {
      rmSync(top, { force: true })
      assert.equal((await site.call('condor_vault_storer', ['dune_production'], bare)).exit, 0)
      return existsSync(top)
    }
    writeCondorConfig(site, { OAUTH2_CREDMON_PROVIDER_NAMES: 'dune' })
    assert.equal(await isStored(), true)
    writeCondorConfig(site, { CLIENT_CREDMON_PROVIDER_NAMES: 'box,dune_production' })
    assert.equal(await isStored(), false)
  })

  it('waits at its hold points, before and after it stores', async () => {
    const [first, second] = [
      'condor_vault_storer:dune_production',
      'condor_vault_storer-done:dune_production',
    ]
    hold(site.dir, first)
    hold(site.dir, second)
    const running = store()
    await waitHeld(site.dir, first)
    assert.equal(existsSync(top), false)
    release(site.dir, first)
    await waitHeld(site.dir, second)
    assert.equal(existsSync(top), true)
    release(site.dir, second)
    assert.equal((await running).exit, 0)
  })

  describe('notices', () => {
    const held = 'condor_vault_storer:dune_production'
    const expectMisuse = (ending: { exit: number | null; stderr: string }, text: RegExp) => {
      assert.equal(ending.exit, 1)
      assert.match(ending.stderr, text)
      assert.equal(readMisuse(site.dir).filter(({ what }) => text.test(`MISUSE: ${what}`)).length, 1)
    }

    it('two storers at once under one identity', async () => {
      hold(site.dir, held)
      const first = store()
      await waitHeld(site.dir, held)
      expectMisuse(await store(), /MISUSE: two storers at once under the identity/)
      release(site.dir, held)
      assert.equal((await first).exit, 0)
    })

    it('two storers at once under one uid when one has no identity of its own', async () => {
      hold(site.dir, held)
      const first = store()
      await waitHeld(site.dir, held)
      const { CONDOR_VAULT_STORER_ID: _, ...bare } = env
      expectMisuse(
        await site.call('condor_vault_storer', ['dune_production'], bare),
        /MISUSE: two storers at once under one uid/,
      )
      release(site.dir, held)
      assert.equal((await first).exit, 0)
    })

    const inCommon: Record<string, [account: 'dunepro' | 'mu2epro', more: string[], RegExp]> = {
      'one service': [
        'dunepro',
        ['KRB5CCNAME', 'BEARER_TOKEN_FILE'],
        /MISUSE: two storers at once for dune_prod/,
      ],
      'one account in one credd': [
        'dunepro',
        ['mu2e_production'],
        /MISUSE: two storers at once for dunepro in credd1/,
      ],
      'one bearer file': [
        'mu2epro',
        ['mu2e_production', 'BEARER_TOKEN_FILE'],
        /MISUSE: .* with one BEARER_TOKEN_FILE/,
      ],
      'one HOME': ['mu2epro', ['mu2e_production', 'XDG_RUNTIME_DIR'], /MISUSE: .* with one XDG_RUNTIME_DIR/],
    }
    for (const [what, [account, more, text]] of Object.entries(inCommon))
      it(`two storers at once with ${what}`, async () => {
        hold(site.dir, held)
        const first = store()
        await waitHeld(site.dir, held)
        const service = more.find((word) => word.includes('_production')) ?? 'dune_production'
        const shared = more.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))
        const other = site.env(account, {
          CONDOR_VAULT_STORER_ID: `${env.CONDOR_VAULT_STORER_ID}-other`,
          ...(account === 'mu2epro' && { XDG_RUNTIME_DIR: site.dir, HOME: site.dir }),
          ...Object.fromEntries(shared),
        })
        expectMisuse(await site.call('condor_vault_storer', [service], other), text)
        release(site.dir, held)
        assert.equal((await first).exit, 0)
      })

    it('nothing when two store side by side with nothing in common', async () => {
      hold(site.dir, held)
      const first = store()
      await waitHeld(site.dir, held)
      const other = site.env('mu2epro', { XDG_RUNTIME_DIR: site.dir, HOME: site.dir })
      assert.equal((await site.call('condor_vault_storer', ['mu2e_production'], other)).exit, 0)
      release(site.dir, held)
      assert.equal((await first).exit, 0)
      assert.deepEqual(readMisuse(site.dir), [])
    })

    it('nothing when a storer was killed and another starts under its identity', async () => {
      hold(site.dir, held)
      const child = spawn(join(site.layout.bin, 'condor_vault_storer'), ['dune_production'], {
        env,
        detached: true,
        stdio: 'ignore',
      })
      await waitHeld(site.dir, held)
      process.kill(-(child.pid as number), 'SIGKILL')
      await ended(child)
      release(site.dir, held)
      assert.equal((await store()).exit, 0)
      assert.deepEqual(readMisuse(site.dir), [])
    })

    it('an inherited BEARER_TOKEN', async () =>
      expectMisuse(
        await store(['dune_production'], { BEARER_TOKEN: 'x' }),
        /MISUSE: BEARER_TOKEN was inherited/,
      ))

    for (const name of ['_condor_COLLECTOR_HOST', '_condor_CREDD_HOST', 'KRB5CCNAME']) {
      it(`a missing ${name}`, async () => {
        const { [name]: _, ...bare } = env
        expectMisuse(
          await site.call('condor_vault_storer', ['dune_production'], bare),
          new RegExp(`MISUSE: ${name} is missing`),
        )
      })
    }

    it('a bearer token that is not of the service', async () => {
      // An -o behind the options makes the storer look at a file that another run left.
      const other = site.env('mu2epro')
      await site.call('condor_vault_storer', ['mu2e_production'], other)
      const mixed = {
        BEARER_TOKEN_FILE: other.BEARER_TOKEN_FILE as string,
        HTGETTOKENOPTS: env.HTGETTOKENOPTS as string,
      }
      const options = `${env._condor_SEC_CREDENTIAL_GETTOKEN_OPTS} -o ${join(site.dir, 'run', 'elsewhere')}`
      expectMisuse(
        await store(['dune_production'], { ...mixed, _condor_SEC_CREDENTIAL_GETTOKEN_OPTS: options }),
        /MISUSE: the bearer token has groups \/mu2e/,
      )
    })
  })
})

const ended = async (child: ChildProcess) => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** The storer and its child, once both are there and deaf; what the child itself starts comes and goes. */
async function waitForBoth(group: number): Promise<number[]> {
  for (;;) {
    const child = membersOf(group).find((pid) => commandOf(pid).includes('trap') && isDeaf(pid))
    if (child !== undefined && membersOf(group).includes(group)) return [group, child]
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Whether it ignores SIGTERM by now: its name is there a moment before it has said so. */
function isDeaf(pid: number): boolean {
  const ignored = /^SigIgn:\s+([0-9a-f]+)$/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? '0'
  return ((BigInt(`0x${ignored}`) >> BigInt(constants.signals.SIGTERM - 1)) & 1n) === 1n
}

const membersOf = (group: number): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && groupOf(pid) === group)

/** Undefined for a process that is gone, or dead and not yet buried. */
function groupOf(pid: number): number | undefined {
  try {
    const [state, , group] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return state === 'Z' ? undefined : Number(group)
  } catch {
    return undefined
  }
}

const commandOf = (pid: number): string => readOrEmpty(`/proc/${pid}/cmdline`)

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
