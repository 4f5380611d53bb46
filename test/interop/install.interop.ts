/**
 * docs/operations.md, command by command in an empty Debian and in one that the predecessor has: daemons of the page's user,
 * over TLS, found well by the doctor and doing a run; the predecessor keeps all that it needs.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse, stringify } from 'yaml'
import { startSite } from '../../sandbox/site.ts'
import { verifySite } from '../../sandbox/verify.ts'
import { type Daemon, daemons } from '../../shared/contracts/subjects.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { type FreshDebian, makeFreshDebian } from './support/fresh-debian.ts'
import { openToOthers } from './support/open-to-others.ts'
import { findFreeRow } from './support/port-row.ts'
import { lookAsPredecessor, makePredecessorDatabase, predecessorPackage } from './support/predecessor.ts'
import { goProgram, run } from './support/real-programs.ts'

const root = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(root, 'docs/operations.md'), 'utf8')

type Kind = 'install' | 'predecessor' | 'move' | 'upgrade'

/** The fenced blocks that the page marks as commands of `kind`, by language; those in a list are set in. */
const blocksOf = (kind: Kind) =>
  [...page.matchAll(/^( *)```(sh|yaml) (\w+)(?: (\w+))?\n([\s\S]*?)^ *```$/gm)]
    .filter(([, , , found]) => found === kind)
    .map(([, indent = '', , , name = '', text = '']) => ({
      name,
      text: text.replaceAll(`\n${indent}`, '\n').trim(),
    }))

const blockOf = (kind: Kind, name: string) => {
  const found = blocksOf(kind).find((one) => one.name === name)
  assert.ok(found, `the page has a block ${kind} ${name}`)
  return found.text
}

interface Machine {
  readonly user: string
  readonly keytabs: string
  /** What an operator finds there or brings along. Returns commands to run first. */
  prepare(debian: FreshDebian): string
  /** The configuration as a file, of the site's and what the page shows, as far as setup does not add that. */
  configure(site: string, added: string): { readonly file: string; readonly text: string }
  /** Whether it is there before setup. */
  readonly isConfigured: boolean
  /** Lines about the processes that are found. */
  readonly runningAs: string[]
  /** Commands of the page before the first run. */
  readonly beforeRuns: string
  /** And after all, with a look at what came of them. */
  readonly afterwards: string
  check(said: string): void
}

const lookAtProcesses = `set +x
for process in /proc/[0-9]*; do
  [ "$(cat $process/comm)" != runuser ] || continue
  main=$(tr '\\0' '\\n' <$process/cmdline | grep -o 'services/[a-z]*/main\\.ts$' || true)
  [ -z "$main" ] || echo "running as $(stat -c %U $process): $main"
done
set -x`

const ownUser = (daemon: Daemon) => `managed-tokens-${daemon}`
const runs = (user: string, daemon: Daemon) => `${user}: services/${daemon}/main.ts`
const eachItsOwn = daemons.map((daemon) => runs(ownUser(daemon), daemon))

/** As whoever has got into one daemon: what may it read of the others? */
const lookForOthers = `set +x
for daemon in refresher storer distributor notifier; do
  for other in refresher storer distributor notifier operator service-credd-vault-tokens; do
    if runuser -u "managed-tokens-$daemon" -- ls "/var/lib/managed-tokens/$other" >/dev/null 2>&1; then echo "$daemon enters $other"; fi
  done
  if runuser -u "managed-tokens-$daemon" -- sh -c "cat $keytabs/*" >/dev/null 2>&1; then echo "$daemon reads keytabs"; fi
  if runuser -u "managed-tokens-$daemon" -- cat $(echo /etc/managed-tokens/managedTokens.*) >/dev/null; then echo "$daemon reads the configuration"; fi
  if runuser -u "managed-tokens-$daemon" -- touch /var/lib/managed-tokens/x /etc/managed-tokens/x /var/log/managed-tokens/x 2>/dev/null; then echo "$daemon writes beside its own"; fi
done
set -x`

const withKeytabs = daemons.filter((daemon) => daemon !== 'notifier')

function checkForOthers(said: string): void {
  const found = said.match(/^\w+ (?:enters|reads|writes) .*$/gm)
  assert.deepEqual(
    found?.sort(),
    [
      ...daemons.map((daemon) => `${daemon} enters ${daemon}`),
      'storer enters service-credd-vault-tokens',
      ...daemons.map((daemon) => `${daemon} reads the configuration`),
      ...withKeytabs.map((daemon) => `${daemon} reads keytabs`),
    ].sort(),
  )
}

/** The page’s way from the predecessor’s user to four, with a run at its end. */
function usersOfTheirOwn(): string[] {
  return [
    'user=managed-tokens storer=managed-tokens-storer',
    blockOf('upgrade', 'users'),
    blockOf('move', 'tokens').replace(
      /^from=.*$/m,
      'from=/var/lib/managed-tokens/service-credd-vault-tokens',
    ),
    // The stand-in for credds keeps what it was given as whoever gave it.
    'chmod -R a+rwX "$SITE"/credds "$SITE"/held "$SITE"/holds',
    blockOf('install', 'start'),
    blockOf('install', 'ready'),
    'runuser -u "$user" -- managed-tokens run --watch',
  ]
}

const machines: Readonly<Record<string, Machine>> = {
  'in an empty Debian, with vault tokens of another machine': {
    user: 'managed-tokens',
    keytabs: '/etc/managed-tokens/keytabs',
    prepare(debian) {
      debian.write('/root/service-credd-vault-tokens/vt_u4711-credd9.example-dune_production', 'brought\n')
      return ''
    },
    configure: (site, added) => ({
      file: 'managedTokens.yml',
      text: `# ours\n${site}\n${stringify({ telemetry: parse(added).telemetry })}`,
    }),
    isConfigured: false,
    runningAs: eachItsOwn,
    beforeRuns: blockOf('move', 'tokens'),
    afterwards: `ls /root/service-credd-vault-tokens
cd "$root"; echo "kept: $(stat -c '%U %a %n' "vt_u$(id -u managed-tokens-storer)-credd9.example-dune_production")"
${lookForOthers}`,
    check(said) {
      assert.match(said, /^kept: managed-tokens-storer 600 /m)
      assert.match(said, /^done +configuration +its keys for bus, sealing and metrics$/m)
      assert.doesNotMatch(said, /^vt_u4711/m)
      checkForOthers(said)
    },
  },
  'where the predecessor is': {
    user: 'rexbatch',
    keytabs: '/opt/managed-tokens/keytabs',
    prepare(debian) {
      debian.write('/etc/logrotate.d/managed-tokens', '# the predecessor’s\n')
      mkdirSync(join(debian.directory, 'var/lib/managed-tokens'))
      makePredecessorDatabase(join(debian.directory, 'var/lib/managed-tokens/uid.db'))
      return predecessorPackage
    },
    configure: (site, added) => ({
      file: 'managedTokens.json',
      text: JSON.stringify({ ...parse(site), ...parse(added), schedule: { cron: false } }),
    }),
    isConfigured: true,
    runningAs: [
      ...daemons.map((daemon) => runs(daemon === 'notifier' ? ownUser(daemon) : 'rexbatch', daemon)),
      ...eachItsOwn,
    ],
    beforeRuns: blockOf('move', ''),
    afterwards: [lookAsPredecessor, ...usersOfTheirOwn(), lookAtProcesses, lookForOthers].join('\n'),
    check(said) {
      checkForOthers(said)
      assert.match(said, /^Took over the UIDs of \d accounts?/m)
      assert.match(said, /^Took over 1 count of failures in a row\.$/m)
      assert.match(said, /^the predecessor goes on$/m)
    },
  },
}

for (const [where, machine] of Object.entries(machines))
  test(`an operator who types what docs/operations.md says has four daemons that work: ${where}`, {
    timeout: 2 * 3_600_000,
  }, async () => {
    await using stack = new AsyncDisposableStack()
    const { path } = stack.use(await makeDirectory())
    const site = stack.use(
      await startSite({
        dir: join(path, 'site'),
        settings: {
          ...patience,
          keytabPath: machine.keytabs,
          serviceCreddVaultTokenPathRoot: '/var/lib/managed-tokens/service-credd-vault-tokens',
          storer: { lockFile: '/var/lib/managed-tokens/storer/storer.lock' },
          logs: { 'token-push': { logfile: '/var/log/managed-tokens/token-push.log' } },
        },
      }),
    )
    const debian = stack.use(makeFreshDebian())
    const ports = await choosePorts()

    // What an operator brings along: the repository, keytabs, krb5.conf, services.
    run('git', ['clone', '--bare', '--quiet', root, join(debian.directory, 'srv/managed-tokens.git')])
    debian.write('/etc/gitconfig', '[safe]\n\tdirectory = *\n')
    debian.write('/etc/krb5.conf', readFileSync(site.layout.krb5Config, 'utf8'))
    cpSync(site.layout.keytabs, join(debian.directory, machine.keytabs), { recursive: true })
    const added = withPorts(blockOf('install', 'configuration'), ports)
    const { file, text } = machine.configure(readFileSync(site.config, 'utf8'), added)
    debian.write(machine.isConfigured ? `/etc/managed-tokens/${file}` : `/root/${file}`, text)
    const prepare = machine.prepare(debian)
    cpSync(goProgram('nats'), join(debian.directory, 'usr/local/bin/nats'))
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

    const before: Record<string, string> = {
      // An operator's services, into what setup has written; and an init, which has to wait for the ports.
      start: `${machine.isConfigured ? '' : `cat /root/${file} >/etc/managed-tokens/${file}`}
mkdir -p /run/systemd/system`,
      runs: machine.beforeRuns,
    }
    const after: Record<string, string> = {
      // The stand-in for htgettoken uses it.
      programs: 'apt-get install -y --no-install-recommends curl',
      setup: setPorts(ports),
      start: 'managed-tokens setup',
    }
    const typed = blocksOf('install').filter(({ name }) => name !== 'configuration')
    assert.ok(typed.length >= 7, 'the page has commands')
    const insteadOf: Record<string, string> =
      machine.user === 'rexbatch' ? { variables: blockOf('predecessor', 'variables') } : {}
    const script = [
      'set -eux',
      prepare,
      ...typed.map(
        ({ name, text }) =>
          `${before[name] ?? ''}\n${withPorts(insteadOf[name] ?? text, ports)}\n${after[name] ?? ''}`,
      ),
      lookAtProcesses,
      withPorts(machine.afterwards, ports),
    ].join('\n')
    const { exitCode, output } = await debian.run(script, {
      env: { REPOSITORY: '/srv/managed-tokens.git', SITE: site.dir },
      timeoutMs: 3_600_000,
    })
    assert.equal(exitCode, 0, `${lastLines(output, 80)}\n${journals(debian.directory)}`)
    const said = output
    assert.match(said, /^Nothing to do\. Next: runuser -u \S+ -- managed-tokens doctor$/m)
    assert.match(said, /^0 problems, \d+ warnings?: ready\.$/m)
    assert.match(said, /Subjects: dead\.>/, 'nats reaches the bus')
    assert.deepEqual(
      [...said.matchAll(/^running as (.*)$/gm)].map(([, who]) => who).sort(),
      machine.runningAs.sort(),
    )
    machine.check(said)
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

const lastLines = (text: string, count: number) => text.split('\n').slice(-count).join('\n')

function journals(directory: string): string {
  return run('sh', [
    '-c',
    'tail -n 5 "$1"/var/log/*.journal "$1"/var/log/managed-tokens/*/*.log || true',
    'sh',
    directory,
  ])
}
