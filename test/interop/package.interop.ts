/**
 * The packages, as whoever gets one uses it: installed without a network in a Debian that has what they depend on; setup, doctor
 * and runs; up- and downgraded in the middle of a run; removed. The rpm is put into the same Debian by `rpm --root --nodeps`.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parse } from 'yaml'
import { type SandboxSite, startSite } from '../../sandbox/site.ts'
import { verifySite } from '../../sandbox/verify.ts'
import { daemons } from '../../shared/contracts/subjects.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory } from '../support/pipeline.ts'
import type { FreshDebian } from './support/fresh-debian.ts'
import { openToOthers } from './support/open-to-others.ts'
import {
  buildBoth,
  buildPackage,
  checkOutBefore,
  copyTree,
  type Kind,
  kinds,
  makeDebianFor,
  type Packages,
} from './support/packages.ts'
import { findFreeRow } from './support/port-row.ts'
import { installPackages, run } from './support/real-programs.ts'

const root = join(import.meta.dirname, '..', '..')
const minutes = 60_000

/** What an administrator types, beside the directory that is the machine. */
const commands: Readonly<
  Record<Kind, Readonly<Record<'install' | 'replace' | 'remove' | 'verify' | 'release', string>>>
> = {
  deb: {
    install: 'install() { cp "$1" "$root/root/new.deb"; chroot "$root" dpkg --install /root/new.deb; }',
    replace: 'replace() { install "$1"; }',
    remove: 'remove() { chroot "$root" dpkg --remove managed-tokens-daemons; }',
    verify: 'verify() { chroot "$root" dpkg --verify managed-tokens-daemons; }',
    release: `release() { chroot "$root" dpkg-query --show --showformat '\${Version}' managed-tokens-daemons; }`,
  },
  rpm: {
    install: 'install() { rpm --root "$root" --nodeps --install "$1"; }',
    replace: 'replace() { rpm --root "$root" --nodeps --upgrade --oldpackage "$1"; }',
    remove: 'remove() { rpm --root "$root" --nodeps --erase managed-tokens-daemons; }',
    verify: 'verify() { rpm --root "$root" --nodeps --verify managed-tokens-daemons; }',
    release: `release() { rpm --root "$root" --query --queryformat '%{version}-%{release}' managed-tokens-daemons; }`,
  },
}

const prelude = (kind: Kind) =>
  ['set -eu', ...Object.values(commands[kind]), 'inside() { chroot "$root" "$@"; }', ''].join('\n')

describe('the packages', { timeout: 120 * minutes }, () => {
  const stack = new AsyncDisposableStack()
  let directory: string
  let packages: Packages
  let earlier: Packages | undefined
  before(async () => {
    installPackages(['rpm', 'systemd', 'gnupg'])
    directory = stack.use(await makeDirectory()).path
    packages = buildBoth(root, join(directory, 'this'), 2)
  })
  after(() => stack.disposeAsync())

  /** Of the commit before; where that cannot be, of this one with a lower number, and says why. */
  function buildEarlier(tell: (why: string) => void): Packages {
    if (earlier) return earlier
    const tree = join(directory, 'before')
    const why = checkOutBefore(tree)
    if (why) tell(`the earlier package is this commit's, with a lower number: ${why}`)
    earlier = buildBoth(why ? root : tree, join(directory, 'earlier'), 1)
    return earlier
  }

  /** A machine that has what the package depends on; systemctl is a stand-in, since no systemd runs there. */
  async function makeMachine(): Promise<FreshDebian> {
    const debian = await makeDebianFor(packages.deb)
    const standIn = readFileSync(join(import.meta.dirname, 'support/installed-systemctl.sh'), 'utf8')
    debian.write('/usr/bin/systemctl', standIn, 0o755)
    mkdirSync(join(debian.directory, 'run/systemd/system'), { recursive: true })
    return debian
  }

  it('are the same, byte for byte, from a clone in another directory with another umask', () => {
    const elsewhere = join(directory, 'a clone')
    copyTree(elsewhere)
    const mask = process.umask(0o077)
    try {
      const again = buildBoth(elsewhere, join(directory, 'again'), 2)
      for (const kind of kinds) assert.equal(hashOf(again[kind]), hashOf(packages[kind]), kind)
    } finally {
      process.umask(mask)
    }
  })

  it('are of at most 60 MB', () => {
    for (const kind of kinds) assert.ok(statSync(packages[kind]).size <= 60e6, kind)
  })

  it('are made by nfpm; where it is neither there nor can be built, the way to it is said', () => {
    const script = `const { findNfpm } = await import('${root}/deploy/package/nfpm.ts')
try { findNfpm('/nowhere') } catch (error) { console.log(error.message) }`
    const said = run(process.execPath, ['--input-type=module', '--eval', script], {
      env: { PATH: '/nowhere' },
    })
    assert.match(said, /Install nfpm v\d+\.\d+\.\d+ from https:.* or install Go 1\.26\.4 or newer/)
  })

  it('are signed with the key that is given, whose passphrase is in no argument', () => {
    const key = makeKey(join(directory, 'gnupg'))
    const words = ['--output', join(directory, 'signed'), '--release', '2', '--key', key.file]
    const passphrases: Readonly<Record<Kind, readonly [string[], NodeJS.ProcessEnv]>> = {
      deb: [['--passphrase-file', key.passphraseFile], {}],
      rpm: [[], { NFPM_PASSPHRASE: key.passphrase }],
    }
    const [deb = '', rpm = ''] = kinds.map((kind) => {
      const [more, env] = passphrases[kind]
      return buildPackage(root, kind, [...words, ...more], env).split('\n')[0] ?? ''
    })
    const database = join(directory, 'rpm-keys')
    mkdirSync(database)
    run('rpmkeys', ['--dbpath', database, '--import', key.publicFile])
    assert.match(run('rpmkeys', ['--dbpath', database, '--checksig', '--verbose', rpm]), /Signature.*OK/)
    // As debsig-verify does: over the three parts of the archive.
    const script =
      'cd "$0"; ar x "$1"; cat debian-binary control.tar.gz data.tar.* >signed; gpg --verify _gpgorigin signed 2>&1'
    const parts = join(directory, 'parts')
    mkdirSync(parts)
    const said = run('sh', ['-euc', script, parts, deb], { env: { ...process.env, GNUPGHOME: key.home } })
    assert.match(said, /Good signature from "Nobody/)
  })

  for (const kind of kinds) {
    it(`${kind}: on an empty machine without a network it brings its users, a configuration to fill in, and starts nothing`, async () => {
      await using machine = await makeMachine()
      const script = `${prelude(kind)}
install '${packages[kind]}'
verify
echo "version: $(inside managed-tokens --version)"
for name in managed-tokens managed-tokens-refresher managed-tokens-storer managed-tokens-distributor managed-tokens-notifier; do
  inside sh -c 'echo "user: $1 of $(id -Gn "$1" | tr " " ,), $(getent passwd "$1" | cut -d: -f6,7)"' sh $name
done
inside stat -c 'mode: %A %U %G %n' /etc/managed-tokens /etc/managed-tokens/managedTokens.yml /var/lib/managed-tokens /var/log/managed-tokens \\
  /usr/lib/managed-tokens /usr/lib/managed-tokens/bin/node /usr/lib/managed-tokens/package.json
echo "not root's: $(inside find /usr/lib/managed-tokens /usr/bin/managed-tokens ! -user root -o ! -group root -o -perm /022 ! -type l)"
echo "units that run: $(ls "$root/run/units" 2>/dev/null || true)"
for daemon in ${daemons.join(' ')}; do
  echo "verified: $(inside systemd-analyze verify "managed-tokens@$daemon.service" 2>&1)"
  inside systemd-analyze security --offline=true --threshold=20 --no-pager "managed-tokens@$daemon.service" | tail -n 1
done
echo "verified: $(inside systemd-analyze verify managed-tokens.target 2>&1)"
for page in 1/managed-tokens.1 5/managedTokens.yml.5; do
  echo "page: $(inside man --warnings -l "/usr/share/man/man$page.gz" 2>&1 | grep -E '^(NAME|SYNOPSIS|DESCRIPTION|warning)|(: |^)warning:' | tr '\\n' ' ')"
done
inside sh -c 'cat >/tmp/site.yml' <<END
experiments: { dune: { roles: { production: { account: dunepro } } } }
END
echo "bash: $(inside bash -c '. /usr/share/bash-completion/completions/managed-tokens
COMP_WORDS=(managed-tokens run --config /tmp/site.yml -s du); COMP_CWORD=5; _managed_tokens managed-tokens; echo "\${COMPREPLY[*]}"')"
echo "zsh: $(inside zsh -c 'autoload -U compinit; compinit -u -d /tmp/zcompdump; echo "\${_comps[managed-tokens]}"')"
# Another name of the configuration goes on to count.
inside mv /etc/managed-tokens/managedTokens.yml /etc/managed-tokens/managedTokens.yaml
remove
install '${packages[kind]}'
echo "configurations: $(ls "$root/etc/managed-tokens" | grep managedTokens)"
`
      const said = await type(machine, script, { network: 'none' })
      assert.match(said, /^version: \d+\.\d+\.\d+\+[0-9a-f]{12}$/m)
      const lines = (word: string) =>
        [...said.matchAll(new RegExp(`^${word}: (.*)$`, 'gm'))].map(([, text]) => text)
      const users = ['', ...daemons.map((daemon) => `-${daemon}`)].map((suffix) => {
        const groups = suffix === '-notifier' ? '' : ',managed-tokens-keytabs'
        const home = `/var/lib/managed-tokens${suffix.replace('-', '/')}`
        return `managed-tokens${suffix} of managed-tokens${groups}, ${home}:/usr/sbin/nologin`
      })
      assert.deepEqual(lines('user').sort(), users.sort())
      assert.deepEqual(lines('mode'), [
        'drwxr-x--x root root /etc/managed-tokens',
        '-rw-r----- root managed-tokens /etc/managed-tokens/managedTokens.yml',
        'drwxr-x--x root root /var/lib/managed-tokens',
        'drwxr-x--x root root /var/log/managed-tokens',
        'drwxr-xr-x root root /usr/lib/managed-tokens',
        '-rwxr-xr-x root root /usr/lib/managed-tokens/bin/node',
        '-rw-r--r-- root root /usr/lib/managed-tokens/package.json',
      ])
      assert.deepEqual(lines('not root.s'), [''])
      assert.deepEqual(lines('units that run'), [''])
      assert.equal(lines('page').length, 2)
      for (const page of lines('page')) assert.match(page ?? '', /^NAME (?:SYNOPSIS )?DESCRIPTION $/)
      assert.deepEqual(lines('bash'), ['dune_production'])
      // In the rpm it lies where EL's zsh looks, which Debian's does not.
      assert.deepEqual(lines('zsh'), [kind === 'deb' ? '_managed-tokens' : ''])
      assert.deepEqual(new Set(lines('verified')), new Set(['']))
      assert.equal(said.match(/exposure level .* OK/g)?.length, daemons.length)
      assert.deepEqual(lines('configurations'), ['managedTokens.yaml'])
    })
  }

  for (const kind of kinds)
    it(`${kind}: setup, doctor and a run; an earlier package and back in the middle of a run; removal leaves state`, async (t) => {
      await using stack = new AsyncDisposableStack()
      const { path } = stack.use(await makeDirectory())
      const site = stack.use(
        await startSite({ dir: join(path, 'site'), holdSsh: true, settings: settingsOfSite }),
      )
      const machine = stack.use(await makeMachine())
      const earlier = buildEarlier((why) => t.diagnostic(why))
      const ports = await findFreeRow(6)
      bringAlong(machine, site, kind, ports)
      machine.show(root, 'read')
      if (!process.execPath.startsWith(root)) machine.show(process.execPath, 'read')
      machine.show(site.dir, 'write')
      openToOthers(site.dir)
      const [node] = site.nodes
      const script = `${prelude(kind)}
ready() {
  for port in ${[2, 3, 4, 5].map((place) => ports + place).join(' ')}; do
    until inside /usr/lib/managed-tokens/bin/with-node /usr/lib/managed-tokens/cli/probe.ts "http://127.0.0.1:$port/readyz"; do sleep 0.5; done
  done
}
tokens() { inside runuser -u managed-tokens -- managed-tokens run --watch; }
install '${packages[kind]}'
inside managed-tokens setup
echo "again: $(inside managed-tokens setup | grep -c ' done ' || true)"
ready
inside runuser -u managed-tokens -- managed-tokens doctor
tokens
for process in "$root"/proc/[0-9]*; do
  main=$(tr '\\0' '\\n' <$process/cmdline 2>/dev/null | grep -o '^/usr/lib/managed-tokens/services/[a-z]*/main\\.ts$' || true)
  [ -z "$main" ] || [ "$(readlink $process/root)" != "$root" ] || echo "running as $(inside id -nu "$(stat -c %u $process)"): $main"
done
settings() { (cd "$root" && find etc/managed-tokens etc/nats ! -name '*.rpmnew' -type f -exec sha256sum {} + | sed 's/\\.rpmsave$//' | sort -k 2); }
settings >"$root/root/settings"
replace '${earlier[kind]}'
echo "release: $(release)"
ready
tokens
touch '${site.layout.holds}/ssh:${node?.name}'
tokens >"$root/root/said" 2>&1 & watching=$!
until ls '${site.layout.held}/ssh:${node?.name}.'* >/dev/null 2>&1; do kill -0 $watching; sleep 0.2; done
replace '${packages[kind]}'
echo "release: $(release)"
rm '${site.layout.holds}/ssh:${node?.name}'
wait $watching || { cat "$root/root/said"; exit 1; }
ready
inside runuser -u managed-tokens -- managed-tokens doctor
settings | diff "$root/root/settings" -
echo 'nothing in /etc is lost'
remove
settings | diff "$root/root/settings" -
[ -n "$(ls "$root/var/lib/managed-tokens/service-credd-vault-tokens")" ]
[ -n "$(ls "$root/var/lib/managed-tokens/operator")" ]
echo 'state and secrets stay'
for process in "$root"/proc/[0-9]*; do
  [ "$(readlink $process/root)" != "$root" ] || echo "still runs: $(tr '\\0' ' ' <$process/cmdline)"
done
(cd "$root" && find . -xdev \\( -path './root/*' -o -path ./proc -o -path ./dev -o -path .${site.dir} -o -path .${root} -o -path './var/lib/dpkg/*' -o -path './var/lib/rpm/*' \\) -prune \\
  -o \\( -name '*managed-tokens*' -o -name 'nats-server.service' \\) -print | sed 's/^/left: /')
`
      const said = await type(machine, script)
      check(kind, said)
      const wrong = (await verifySite({ dir: site.dir })).filter(({ problems }) => problems.length > 0)
      assert.deepEqual(wrong, [], 'every token is where it belongs')
    })
})

const hashOf = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')

async function type(
  machine: FreshDebian,
  script: string,
  options: { network?: 'none'; env?: Record<string, string> } = {},
): Promise<string> {
  const { exitCode, output } = await machine.run(script, {
    timeoutMs: 30 * minutes,
    beside: true,
    ...options,
  })
  assert.equal(exitCode, 0, output.split('\n').slice(-80).join('\n'))
  return output
}

/** Where the daemons of a package keep what they keep. */
const settingsOfSite = {
  ...patience,
  keytabPath: '/etc/managed-tokens/keytabs',
  serviceCreddVaultTokenPathRoot: '/var/lib/managed-tokens/service-credd-vault-tokens',
  storer: { lockFile: '/var/lib/managed-tokens/storer/storer.lock' },
  logs: { 'token-push': { logfile: '/var/log/managed-tokens/token-push.log' } },
}

/** What an operator has: a realm, keytabs, services, and, since this machine has others, ports of its own for the bus. */
function bringAlong(machine: FreshDebian, site: SandboxSite, kind: Kind, ports: number): void {
  machine.write('/etc/krb5.conf', readFileSync(site.layout.krb5Config, 'utf8'))
  cpSync(site.layout.keytabs, join(machine.directory, 'etc/managed-tokens/keytabs'), { recursive: true })
  const shipped = readFileSync(join(root, 'deploy/nats/nats-server.conf'), 'utf8')
  const bus = shipped
    .replace('0.0.0.0:4222', `127.0.0.1:${ports}`)
    .replace('127.0.0.1:8222', `127.0.0.1:${ports + 1}`)
  machine.write('/etc/nats/nats-server.conf', bus)
  const text = `${readFileSync(site.config, 'utf8')}\ntelemetry:\n  metricsPort: ${ports + 2}\n`
  // In JSON setup adds nothing: all of it is there.
  const whole = {
    ...parse(text),
    nats: {
      servers: [`tls://localhost:${ports}`],
      caFile: '/etc/managed-tokens/nats-ca.pem',
      seedFile: '/run/credentials/managed-tokens@{{.Daemon}}.service/nats.nk',
    },
    sealing: {
      seedFile: '/run/credentials/managed-tokens@distributor.service/sealing.seed',
      signingKeyFile: '/run/credentials/managed-tokens@refresher.service/signing.seed',
    },
  }
  if (kind === 'deb') machine.write('/etc/managed-tokens/managedTokens.json', JSON.stringify(whole))
  else machine.write('/etc/managed-tokens/managedTokens.yml', text)
}

/** Of what the commands of the long test have said. */
function check(kind: Kind, said: string): void {
  assert.match(said, /^again: 0$/m, 'setup finds nothing more to do')
  assert.equal(said.match(/^0 problems, \d+ warnings?: ready\.$/gm)?.length, 2)
  const running = daemons.map(
    (daemon) => `managed-tokens-${daemon}: /usr/lib/managed-tokens/services/${daemon}/main.ts`,
  )
  assert.deepEqual([...said.matchAll(/^running as (.*)$/gm)].map(([, who]) => who).sort(), running.sort())
  assert.match(said, /^release: \S+-1\.g[\s\S]*^release: \S+-2\.g/m)
  assert.match(said, /^nothing in \/etc is lost$/m)
  assert.match(said, /^state and secrets stay$/m)
  const started = [...said.matchAll(/^started managed-tokens@(\w+)$/gm)].map(([, daemon]) => daemon)
  assert.deepEqual(started.slice(-4), ['refresher', 'distributor', 'storer', 'notifier'])
  assert.doesNotMatch(said, /^still runs/m)
  const left = [...said.matchAll(/^left: \.(.*)$/gm)].map(([, path]) => path ?? '')
  // The bus is a package of its own, with a unit of its own; what is in /run is systemd's.
  const stays = [
    /^\/(?:etc|var\/lib|var\/log)\/managed-tokens$|^\/var\/log\/managed-tokens@\w+\.journal$|^\/run\//,
    /^\/usr\/lib\/systemd\/system\/nats-server\.service$|\/multi-user\.target\.wants\/nats-server\.service$/,
    ...(kind === 'deb' ? [/^\/etc\/logrotate\.d\/managed-tokens-daemons$/] : []),
  ]
  assert.deepEqual(
    left.filter((path) => !stays.some((one) => one.test(path))),
    [],
  )
}

/** An OpenPGP key that nobody trusts for anything else. */
function makeKey(home: string) {
  mkdirSync(home, { mode: 0o700 })
  const passphrase = 'a passphrase of this test'
  const passphraseFile = join(home, 'passphrase')
  writeFileSync(passphraseFile, `${passphrase}\n`, { mode: 0o600 })
  const env = { ...process.env, GNUPGHOME: home }
  const gpg = (...words: string[]) =>
    run(
      'gpg',
      ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase-file', passphraseFile, ...words],
      { env },
    )
  gpg('--quick-generate-key', 'Nobody <nobody@sandbox.test>', 'rsa3072', 'sign', '1d')
  const files = { file: join(home, 'key.asc'), publicFile: join(home, 'public.asc') }
  gpg('--armor', '--output', files.file, '--export-secret-keys')
  gpg('--armor', '--output', files.publicFile, '--export')
  run('gpgconf', ['--kill', 'gpg-agent'], { env })
  return { home, passphrase, passphraseFile, ...files }
}
