/** What setup decides from what it finds, step by step. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createUser } from '@nats-io/nkeys'
import { listSteps } from '../../../cli/setup/list-steps.ts'
import type { Machine } from '../../../cli/setup/machine.ts'
import { summaryOf } from '../../../cli/setup/outcome.ts'
import { printScript } from '../../../cli/setup/print.ts'
import type { Verdict } from '../../../cli/setup/step.ts'
import { decideWish } from '../../../cli/setup/wish.ts'
import { UsageError } from '../../../cli/terminal/errors.ts'
import { siteText } from '../../shared/config/site-text.ts'
import { type FakeMachine, fakeMachine } from './fake-machine.ts'

const root = join(import.meta.dirname, '../../..')
const file = '/etc/managed-tokens/managedTokens.yml'

const verdictsOf = (machine: Machine, options = {}): Record<string, Verdict[]> =>
  Object.groupBy(
    listSteps(decideWish(options, machine, root)).map(({ about, look }) => ({ about, ...look(machine) })),
    ({ about }) => about,
  ) as Record<string, Verdict[]>

/** The commands of a step, or its state where there is nothing to do, with what a person has to do. */
const shown = (verdicts: readonly Verdict[] = []) =>
  verdicts.flatMap((one) =>
    one.state === 'todo'
      ? one.script
      : [one.state === 'kept' ? 'kept' : `${one.state}: ${one.says} → ${one.next}`],
  )

const seedText = (pair: ReturnType<typeof createUser>) => new TextDecoder().decode(pair.getSeed())
const withKeys = (servers: string) =>
  siteText(`nats: {servers: [${servers}], caFile: /x, seedFile: /x}
sealing: {seedFile: /x, signingKeyFile: /x}
telemetry: {metricsPort: 1}`)
const systemd = { '/run/systemd/system': {} }
const running = {
  'nats-server --version': 'nats-server: v2.12.9',
  'systemctl is-enabled nats-server': 'enabled\n',
  'systemctl is-enabled managed-tokens.target': 'enabled\n',
  'systemctl is-active nats-server': 'active\n',
  'systemctl show --property=ActiveEnterTimestamp --value --timestamp=unix nats-server': '@1000\n',
  'systemctl is-active managed-tokens@refresher managed-tokens@storer managed-tokens@distributor managed-tokens@notifier':
    'active\nactive\nactive\nactive\n',
}

interface Case {
  readonly machine: FakeMachine
  readonly options?: { readonly user?: string; readonly host?: string }
  readonly about: string
  /** Each a part of one command, in their order. */
  readonly does: readonly (string | RegExp)[]
}

const cases: Record<string, Case> = {
  'a user of its own for each daemon': {
    machine: { users: { 'managed-tokens-storer': 7 } },
    about: 'users',
    does: [/useradd .* managed-tokens$/, /-refresher$/, /-distributor$/, /-notifier$/],
  },
  'another user has to be there': {
    machine: {},
    options: { user: 'rexbatch' },
    about: 'users',
    does: [/^problem: there is no user rexbatch → make it/],
  },
  'a user of a directory service becomes a member': {
    machine: {
      users: { rexbatch: 9, 'managed-tokens-refresher': 1, 'managed-tokens-storer': 2 },
      members: {
        rexbatch: 'fife',
        'managed-tokens-refresher': 'managed-tokens managed-tokens-keytabs',
        'managed-tokens-storer': 'managed-tokens managed-tokens-keytabs',
      },
    },
    options: { user: 'rexbatch' },
    about: 'members',
    does: [
      'gpasswd -a rexbatch managed-tokens',
      'gpasswd -a rexbatch managed-tokens-keytabs',
      'gpasswd -a managed-tokens-distributor managed-tokens-keytabs',
    ],
  },
  'the predecessor’s directories lose what others may, and its group what it wrote; their files too, links apart':
    {
      machine: {
        files: {
          '/etc/managed-tokens': { mode: 0o774, uid: 9 },
          '/etc/managed-tokens/managedTokens.json': { text: '{}', mode: 0o644 },
          '/var/lib/managed-tokens': { mode: 0o774, uid: 9 },
          '/var/lib/managed-tokens/uid.db': { text: '', mode: 0o660 },
          '/var/log/managed-tokens': { mode: 0o751 },
          '/etc/managed-tokens/credentials': {},
          '/etc/nats': {},
          '/etc/nats/tls': {},
        },
      },
      about: 'directories',
      does: [
        'chmod o=x /etc/managed-tokens',
        'chmod o= /etc/managed-tokens/managedTokens.json',
        'chmod g-w,o=x /var/lib/managed-tokens',
      ],
    },
  'a key of the bus that is not of the seed here is nobody’s to replace': {
    machine: {
      files: {
        '/etc/managed-tokens/credentials/storer/nats.nk': { text: seedText(createUser()) },
        '/etc/nats/keys.env': { text: 'NATS_STORER_KEY=UOTHER\n' },
      },
    },
    about: 'bus keys',
    does: [/^problem: \/etc\/nats\/keys\.env has another NATS_STORER_KEY than the seed in/],
  },
  'a user that the version before did not know is put behind the others': {
    machine: { files: { '/etc/nats/keys.env': { text: '# ours\nNATS_STORER_KEY=U\n' } } },
    about: 'bus keys',
    does: [
      /^put root root 0644 \/etc\/nats\/keys\.env\.own managed_tokens keys/,
      /keys\.env sh -c 'cat/,
      /^rm /,
    ],
  },
  'the operator’s address follows the bus, unless somebody has written another file': {
    machine: {
      users: { 'managed-tokens': 3 },
      files: {
        '/etc/nats/nats-server.conf': { text: 'listen: "0.0.0.0:14222"\n' },
        '/var/lib/managed-tokens/operator': { uid: 3, mode: 0o700 },
        '/var/lib/managed-tokens/operator/nats.nk': { text: 'x', uid: 3 },
        '/var/lib/managed-tokens/operator/env': {
          text: 'export NATS_URL=tls://localhost:4222 NATS_CA=/etc/managed-tokens/nats-ca.pem NATS_NKEY=/x\n',
        },
      },
    },
    about: 'operator',
    does: ['kept', /^put_as managed-tokens .*\/env echo 'export NATS_URL=tls:\/\/localhost:14222 NATS_CA/],
  },
  'and that file stays': {
    machine: {
      users: { 'managed-tokens': 3 },
      files: {
        '/var/lib/managed-tokens/operator': { uid: 3, mode: 0o700 },
        '/var/lib/managed-tokens/operator/nats.nk': { text: 'x', uid: 3 },
        '/var/lib/managed-tokens/operator/env': {
          text: 'export NATS_URL=tls://a:1,tls://b:1 NATS_NKEY=/x\n',
          uid: 3,
        },
      },
    },
    about: 'operator',
    does: ['kept', 'kept'],
  },
  'a site’s own certificate needs no authority of ours': {
    machine: { files: { '/etc/nats/tls/server.pem': { text: 'x' } } },
    about: 'authority',
    does: ['kept'],
  },
  'a certificate is made by the key that an interrupted run has left': {
    machine: { files: { '/etc/nats/tls/ca.key': { text: 'x' } } },
    about: 'authority',
    does: [
      /^put root root 0644 \/etc\/nats\/tls\/ca\.pem openssl req -x509 .*-key \/etc\/nats\/tls\/ca\.key/,
    ],
  },
  'what is no certificate is said to be none': {
    machine: { files: { '/etc/nats/tls/server.pem': { text: 'x' }, '/etc/nats/tls/ca.pem': { text: 'x' } } },
    about: 'certificate',
    does: [/^yours: \/etc\/nats\/tls\/server\.pem is no certificate → where setup made it, remove/],
  },
  'a certificate is for the name that was typed, or its address': {
    machine: {},
    options: { host: '192.0.2.7' },
    about: 'certificate',
    does: [/genpkey/, /subjectAltName=IP:192\.0\.2\.7'/],
  },
  'an old nats-server gets no key that it does not know, and the port that daemons are told': {
    machine: {
      files: { [file]: { text: withKeys('tls://localhost:14222') } },
      answers: { 'nats-server --version': 'nats-server: v2.9.10' },
    },
    about: 'bus',
    does: [/sed -e 's\/:4222"\/:14222"\/' -e '\/sync_interval\/d'/, /permissions\.conf cat/],
  },
  'permissions are those of this version, for the domain that is configured': {
    machine: {
      files: {
        [file]: { text: withKeys('tls://localhost:4222').replace('caFile: /x', 'domain: hub, caFile: /x') },
        '/etc/nats/nats-server.conf': { text: 'listen: "0.0.0.0:4222"\ninclude ./permissions.conf\n' },
        '/etc/nats/permissions.conf': { text: '# of another version' },
      },
    },
    about: 'bus',
    does: ['kept', /write-permissions\.ts --domain hub$/],
  },
  'a server with several laboratories keeps its permissions': {
    machine: { files: { '/etc/nats/nats-server.conf': { text: 'include ./permissions-fnal.conf\n' } } },
    about: 'bus',
    does: ['kept', 'kept'],
  },
  'without a configuration one is written, with the keys': {
    machine: {},
    about: 'configuration',
    does: [/put root managed-tokens 0640 .*managedTokens\.yml cat/, /^sed -i -e '\$a\\nats:'/, 'kept'],
  },
  'JSON is shown what it lacks': {
    machine: {
      files: { '/etc/managed-tokens/managedTokens.json': { text: '{}', gid: 5, mode: 0o640 } },
      groups: { 'managed-tokens': 5 },
    },
    about: 'configuration',
    does: [
      'kept',
      /^yours: .*managedTokens\.json lacks keys .* → add to .*managedTokens\.json:\nnats:\n {2}servers:/,
      'kept',
    ],
  },
  'what is made from jsonnet is shown it for the jsonnet': {
    machine: {
      files: {
        '/etc/managed-tokens/managedTokens.json': { text: '{}', gid: 5, mode: 0o640 },
        '/etc/managed-tokens/managedTokens.jsonnet': { text: '{}' },
      },
      groups: { 'managed-tokens': 5 },
    },
    about: 'configuration',
    does: ['kept', /add to .*managedTokens\.jsonnet, then run make:/, 'kept'],
  },
  'a configuration that everybody may read becomes its group’s; its owner stays': {
    machine: {
      files: { [file]: { text: withKeys('tls://localhost:4222'), uid: 9, mode: 0o644 } },
      groups: { 'managed-tokens': 5 },
    },
    about: 'configuration',
    does: ['kept', 'kept', `chgrp managed-tokens ${file}`, `chmod u=rw,g=r,o= ${file}`],
  },
  'keytabs are their group’s; in a directory with other files, they alone': {
    machine: {
      files: {
        [file]: { text: siteText('') },
        '/etc/managed-tokens/keytabs': { uid: 3, gid: 4, mode: 0o750 },
        '/srv/keytabs': {},
        '/srv/keytabs/dunepro.keytab': { text: '', mode: 0o644 },
        '/srv/keytabs/notes.txt': { text: '' },
      },
      users: { 'managed-tokens': 3 },
      groups: { 'managed-tokens-keytabs': 4 },
    },
    about: 'keytabs',
    does: [
      'kept',
      'chown -h managed-tokens:managed-tokens-keytabs /srv/keytabs/dunepro.keytab',
      'chmod 0640 /srv/keytabs/dunepro.keytab',
    ],
  },
  'units of a package are not put over': {
    machine: {
      files: Object.fromEntries(
        [
          'managed-tokens.target',
          'managed-tokens@.service',
          'managed-tokens@distributor.service.d/sealing.conf',
          'managed-tokens@notifier.service.d/no-keytabs.conf',
          'managed-tokens@refresher.service.d/signing.conf',
          'managed-tokens@storer.service.d/vault-tokens.conf',
        ].map((name) => [`/usr/lib/systemd/system/${name}`, { text: 'x' }]),
      ),
    },
    about: 'units',
    does: [/^put root root 0644 \/etc\/systemd\/system\/nats-server\.service /],
  },
  'beside the predecessor, daemons with keytabs run as its user, as once typed': {
    machine: {
      users: { rexbatch: 9 },
      files: {
        '/etc/systemd/system/managed-tokens@refresher.service.d/user.conf': {
          text: '[Service]\nUser=rexbatch\nRemoveIPC=no\n',
        },
        '/etc/logrotate.d/managed-tokens-daemons': { text: 'su managed-tokens-storer x' },
      },
    },
    about: 'logrotate',
    does: [/^sed -i -e 's\/su managed-tokens-storer \/su rexbatch \/'/],
  },
  'nothing is started with a configuration that is refused': {
    machine: { files: { ...systemd, [file]: { text: siteText('storer: {lane: 1}') } } },
    about: 'start',
    does: [/^yours: .* → .*managedTokens\.yml:\d+:\d+: error: unknown key "lane" in storer/],
  },
  'nats-server has to be there': {
    machine: { files: { ...systemd, [file]: { text: withKeys('tls://localhost:4222') } } },
    about: 'start',
    does: [/^problem: nats-server is not installed → install it/],
  },
  'what runs since its files were written is left running': {
    machine: {
      files: {
        ...systemd,
        [file]: { text: withKeys('tls://localhost:4222') },
        '/etc/nats/permissions.conf': { text: '', changedMs: 1_000_900 },
      },
      answers: running,
    },
    about: 'start',
    does: ['kept'],
  },
  'a bus that is older than its files is started again': {
    machine: {
      files: {
        ...systemd,
        [file]: { text: withKeys('tls://localhost:4222') },
        '/etc/nats/permissions.conf': { text: '', changedMs: 1_001_000 },
      },
      answers: running,
    },
    about: 'start',
    does: ['systemctl restart nats-server'],
  },
  'without systemd the commands are said': {
    machine: {
      files: { [file]: { text: withKeys('tls://localhost:4222') } },
      answers: { 'nats-server --version': 'v2.12.9' },
    },
    about: 'start',
    does: [
      /^yours: systemd does not run here → once it does: systemctl enable nats-server; .*managed-tokens\.target$/,
    ],
  },
  'where the bus is on another machine, no keys are made that it does not know': {
    machine: { files: { [file]: { text: withKeys('tls://bus.lab.example:4222') } } },
    about: 'keys',
    does: [/^yours: the bus is on another machine → bring the seeds/],
  },
  'and daemons are started whose seeds are here': {
    machine: {
      files: {
        ...systemd,
        [file]: { text: withKeys('tls://bus.lab.example:4222') },
        '/etc/managed-tokens/credentials/storer/nats.nk': { text: 'x' },
      },
    },
    about: 'start',
    does: ['systemctl enable --now managed-tokens@storer'],
  },
}

describe('setup', () => {
  for (const [sentence, { machine, options, about, does }] of Object.entries(cases))
    it(sentence, () => {
      const commands = shown(verdictsOf(fakeMachine(machine), options)[about])
      assert.equal(commands.length, does.length, commands.join('\n'))
      for (const [index, part] of does.entries())
        if (typeof part === 'string') assert.equal(commands[index], part)
        else assert.match(commands[index] ?? '', part)
    })

  it('refuses a name that could be more than a name', () => {
    for (const options of [{ host: 'a b' }, { host: "x';reboot'" }, { user: '-o' }, { user: '$(id)' }])
      assert.throws(() => decideWish(options, fakeMachine({}), root), UsageError)
  })

  it('prints no secret of the configuration, and nothing that is not a command but as a comment', () => {
    const secret = 'https://hooks.slack.example/services/planted'
    const machine = fakeMachine({
      files: {
        [file]: {
          text: siteText(`notifications: {SLACK_ALERTS_URL: "${secret}", admin_email: a@lab.example}`),
        },
      },
    })
    const wish = decideWish({}, machine, root)
    const printed = printScript(listSteps(wish), machine, wish)
    assert.doesNotMatch(printed, /planted/)
    assert.match(printed, /^sed -i -e '\$a\\nats:'/m)
    assert.match(printed, /^# configuration, kept: /m)
  })

  it('sums up what was done, what is left, and what comes next', () => {
    const one = (state: 'kept' | 'done' | 'would do' | 'yours' | 'problem') => ({
      about: 'x',
      state,
      says: 'x',
    })
    const said = (...states: Parameters<typeof one>[0][]) => summaryOf(states.map(one), { user: 'u' }).says
    assert.equal(said('kept'), 'Nothing to do. Next: runuser -u u -- managed-tokens doctor')
    assert.match(said('done', 'yours'), /^1 done\. 1 left for you/)
    assert.match(said('would do'), /^1 to do: nothing was changed\. Without --dry-run/)
    assert.match(said('done', 'problem'), /^1 done\. Mend the problem, then run setup again/)
  })
})
