/** docs/operations.md, command by command in an empty Debian: daemons of a user of their own, over TLS, found well by the doctor and doing a run. */
import assert from 'node:assert/strict'
import { chmodSync, cpSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { startSite } from '../../sandbox/site.ts'
import { verifySite } from '../../sandbox/verify.ts'
import { daemons } from '../../shared/subjects.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { makeFreshDebian } from './support/fresh-debian.ts'
import { findFreeRow } from './support/port-row.ts'
import { run } from './support/real-programs.ts'

const root = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(root, 'docs/operations.md'), 'utf8')

/** The fenced blocks that the page marks as part of the installation, by language. */
const blocks = [...page.matchAll(/^```(sh|yaml) install( \w+)?\n([\s\S]*?)^```$/gm)].map(
  ([, language, name = '', text = '']) => ({ language, name: name.trim(), text }),
)

test('an operator who types what docs/operations.md says has four daemons that work', {
  timeout: 2 * 3_600_000,
}, async () => {
  await using stack = new AsyncDisposableStack()
  const { path } = stack.use(await makeDirectory())
  const site = stack.use(
    await startSite({
      dir: join(path, 'site'),
      settings: {
        ...patience,
        keytabPath: '/etc/managed-tokens/keytabs',
        serviceCreddVaultTokenPathRoot: '/var/lib/managed-tokens/vault-tokens',
        logs: { 'token-push': { logfile: '/var/log/managed-tokens/token-push.log' } },
        storer: { lockFile: '/var/lib/managed-tokens/storer.lock' },
      },
    }),
  )
  const debian = stack.use(makeFreshDebian())
  const ports = await choosePorts()

  // What an operator brings along: the repository, keytabs, krb5.conf, services.
  run('git', ['clone', '--bare', '--quiet', root, join(debian.directory, 'srv/managed-tokens.git')])
  debian.write('/etc/gitconfig', '[safe]\n\tdirectory = *\n')
  debian.write('/etc/krb5.conf', readFileSync(site.layout.krb5Config, 'utf8'))
  cpSync(site.layout.keytabs, join(debian.directory, 'etc/managed-tokens/keytabs'), { recursive: true })
  const added = blocks.find(({ language }) => language === 'yaml')?.text ?? ''
  const config = `${readFileSync(site.config, 'utf8')}\n${withPorts(added, ports)}`
  debian.write('/etc/managed-tokens/managedTokens.yml', config)
  // What is not there in this Debian: an init, and the site's programs with what they write.
  debian.write(
    '/usr/local/bin/systemctl',
    readFileSync(join(import.meta.dirname, 'support/systemctl.sh'), 'utf8'),
    0o755,
  )
  debian.show(root, 'read')
  if (!process.execPath.startsWith(root)) debian.show(process.execPath, 'read')
  debian.show(site.dir, 'write')
  openToOthers(site.dir)

  const meanwhile: Record<string, string> = {
    // The stand-in for htgettoken uses it.
    programs: 'apt-get install -y --no-install-recommends curl',
    bus: setPorts(ports),
  }
  const typed = blocks.filter(({ language }) => language === 'sh')
  assert.ok(typed.length >= 9, 'the page has commands')
  const script = [
    'set -eux',
    ...typed.map(({ name, text }) => `${withPorts(text, ports)}\n${meanwhile[name] ?? ''}`),
    lookAtProcesses,
  ].join('\n')
  const { exitCode, output } = await debian.run(script, {
    env: { REPOSITORY: '/srv/managed-tokens.git' },
    timeoutMs: 3_600_000,
  })
  assert.equal(exitCode, 0, `${lastLines(output, 80)}\n${journals(debian.directory)}`)
  const said = lastLines(output, 200)
  assert.match(said, /^0 problems, \d+ warnings?: ready\.$/m)
  assert.deepEqual(
    [...said.matchAll(/^running as (.*)$/gm)].map(([, who]) => who).sort(),
    [...daemons].sort().map((daemon) => `managed-tokens: services/${daemon}/main.ts`),
  )
  const wrong = (await verifySite({ dir: site.dir })).filter(({ problems }) => problems.length > 0)
  assert.deepEqual(wrong, [], 'every token is where it belongs')
})

/** Ports of the page, and those that are free on this machine, which the Debian shares. */
async function choosePorts(): Promise<ReadonlyMap<string, number>> {
  const documented = [4222, 8222, 9464, 9465, 9466, 9467]
  const first = await findFreeRow(documented.length)
  return new Map(documented.map((port, index) => [String(port), first + index]))
}

const withPorts = (text: string, ports: ReadonlyMap<string, number>) =>
  text.replace(/\b\d{4}\b/g, (port) => String(ports.get(port) ?? port))

const setPorts = (ports: ReadonlyMap<string, number>) =>
  `sed -i 's/"0.0.0.0:4222"/"127.0.0.1:${ports.get('4222')}"/; s/:8222"/:${ports.get('8222')}"/' /etc/nats/nats-server.conf`

const lookAtProcesses = `set +x
for process in /proc/[0-9]*; do
  [ "$(cat $process/comm)" != runuser ] || continue
  main=$(tr '\\0' '\\n' <$process/cmdline | grep -o 'services/[a-z]*/main\\.ts$' || true)
  [ -z "$main" ] || echo "running as $(stat -c %U $process): $main"
done`

/** The stand-ins of HTCondor and htgettoken write down what they are asked, as whoever runs them. */
function openToOthers(directory: string): void {
  chmodSync(dirname(directory), 0o755)
  run('chmod', ['a+rwX', directory])
  for (const name of ['credds', 'held', 'holds']) {
    mkdirSync(join(directory, name), { recursive: true })
    run('chmod', ['-R', 'a+rwX', join(directory, name)])
  }
}

const lastLines = (text: string, count: number) => text.split('\n').slice(-count).join('\n')

function journals(directory: string): string {
  return run('sh', [
    '-c',
    'tail -n 5 "$1"/var/log/*.journal "$1"/var/log/managed-tokens/*.log || true',
    'sh',
    directory,
  ])
}
