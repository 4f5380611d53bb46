import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { runUp } from '../../../cli/up/up.ts'
import { operatorEnvFile } from '../../../shared/daemon/state.ts'
import { isGone } from '../../support/processes.ts'

const config = `
condorCollectorHost: collector.example.org
keytabPath: /etc/keytabs
kerberosPrincipalPattern: "{{.Account}}/managedtokens/host@EXAMPLE.ORG"
experiments:
  dune:
    emails: [somebody@example.org]
    roles:
      production:
        account: dunepro
        destinationNodes: [node1.example.org]
`

describe('managed-tokens up', () => {
  let stateRoot: string
  let configFile: string
  beforeEach(async () => {
    stateRoot = await mkdtemp(join(tmpdir(), 'mt-up-'))
    configFile = join(stateRoot, 'managedTokens.yml')
    await writeFile(configFile, config)
  })
  const releases: (() => void)[] = []
  afterEach(async () => {
    for (const release of releases.splice(0)) release()
    await rm(stateRoot, { recursive: true, force: true, maxRetries: 5 })
  })

  /** By what its programs find the site. */
  const ofSite = {
    ...{ KRB5_CONFIG: "/etc/the lab's/krb5.conf", X509_CERT_DIR: '/etc/lab', NO_PROXY: 'lab.example' },
    _condor_COLLECTOR_HOST: 'collector.lab.example',
  }

  /** Starts it in a process of its own and returns when it says that all are ready. */
  async function startUp(): Promise<{ up: ChildProcess; said: string[]; pids: number[] }> {
    const script = join(import.meta.dirname, '../../support/run-supervisor.ts')
    const up = spawn(process.execPath, [script, stateRoot, configFile], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...ofSite },
    })
    const said: string[] = []
    assert.ok(up.stdout)
    // Whatever a test finds, nothing of it outlives the test: its children follow it.
    releases.push(() => void up.kill('SIGKILL'))
    for await (const line of createInterface({ input: up.stdout })) {
      said.push(line)
      if (line.startsWith('Ctrl-C')) break
    }
    up.stdout.resume()
    return { up, said, pids: await descendants(up.pid ?? 0) }
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`stops cleanly on ${signal}: exit code 0, nothing left`, async () => {
      const { up, pids } = await startUp()
      up.kill(signal)
      const [code] = await once(up, 'exit')
      assert.equal(code, 0)
      // What was killed at the end may need another moment to be gone.
      for (const pid of pids) await isGone(pid)
    })

  it('leaves nothing behind when it is killed', async () => {
    const { up, pids } = await startUp()
    // nats-server, four daemons, and a child of each.
    assert.equal(pids.length, 9)
    up.kill('SIGKILL')
    await Promise.all(pids.map((pid) => isGone(pid)))
  })

  it('tells people where NATS is, and their shells too, with what the daemons find the site by', async () => {
    const { up, said } = await startUp()
    const url = (await readFile(join(stateRoot, 'nats/url'), 'utf8')).trim()
    assert.match(said.join('\n'), new RegExp(`NATS is at ${url}`))
    const shell = await promisify(execFile)('sh', [
      '-c',
      `. '${operatorEnvFile(stateRoot)}'; echo "$NATS_URL $NATS_NKEY"`,
    ])
    assert.equal(shell.stdout, `${url} ${join(stateRoot, 'operator/nats.nk')}\n`)
    const names = Object.keys(ofSite).map((name) => `"$${name}"`)
    const site = await promisify(execFile)(
      'sh',
      ['-c', `. '${operatorEnvFile(stateRoot)}'; printf '%s\\n' ${names.join(' ')}`],
      { env: {} },
    )
    assert.deepEqual(site.stdout.trimEnd().split('\n'), Object.values(ofSite))
    up.kill('SIGTERM')
    await once(up, 'exit')
  })

  it('refuses a wrong configuration with its place, and starts nothing', async () => {
    await writeFile(configFile, config.replace('account: dunepro', 'account: 17'))
    const said: string[] = []
    const code = await runUp({ configFile, stateRoot, allowRoot: true, print: (line) => said.push(line) })
    assert.equal(code, 2)
    assert.match(said.join('\n'), /managedTokens\.yml:\d+:\d+: error: /)
    await assert.rejects(readFile(join(stateRoot, 'nats/server.conf')), { code: 'ENOENT' })
  })

  it('refuses root, unless told otherwise', {
    skip: process.getuid?.() !== 0 && 'only root can be refused',
  }, async () => {
    const said: string[] = []
    const code = await runUp({ configFile, stateRoot, allowRoot: false, print: (line) => said.push(line) })
    assert.equal(code, 2)
    assert.match(said.join('\n'), /--allow-root/)
  })
})

/** Process ids of all that descends from `pid`. */
async function descendants(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const children = list.trim().split(/\s+/).filter(Boolean).map(Number)
  const below = await Promise.all(children.map(descendants))
  return [...children, ...below.flat()]
}
