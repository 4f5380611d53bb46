/** What a move means for a site: told where it concerns it, with the place, and not where it does not. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { look } from '../../../../cli/setup/predecessor/report.ts'
import { UsageError } from '../../../../cli/terminal/errors.ts'
import { siteText } from '../../../shared/config/site-text.ts'
import { fakeMachine } from '../fake-machine.ts'

const quiet = 'minTokenLifetime: 3d\nnotifications: {admin_email: ops@lab.example}'
const file = '/etc/managed-tokens/managedTokens.yml'
const cron = '/etc/cron.d/managed-tokens'
const asShipped =
  '# two lines\n58 * * * * rexbatch /usr/bin/token-push > /dev/null 2>&1\n00 06 * * * rexbatch /usr/bin/refresh-uids-from-ferry > /dev/null 2>&1\n'
const passwd = {
  '/etc/passwd': { text: 'root:x:0:0::/root:/bin/sh\nrexbatch:x:9:9::/home/rexbatch:/bin/sh\n' },
}
const nodeKey = 'node1.lab.example ssh-ed25519 AAAA\n'
const library = 'local supportedOverrides = [\n  "keytabPathOverride",\n  "desiredUIDOverride"\n];\n'

interface Case {
  readonly files: Readonly<Record<string, { text?: string; mode?: number }>>
  /** `place: a part of what is said`, in order; of the two lines about cron's own nothing is listed. */
  readonly told: readonly string[]
}

const cases: Record<string, Case> = {
  'a site as the package makes it hears of cron alone': {
    files: { [file]: { text: siteText(quiet) }, [cron]: { text: asShipped } },
    told: [],
  },
  'the file that the predecessor prefers is another than the daemons’': {
    files: {
      [file]: { text: siteText(quiet) },
      '/etc/managed-tokens/managedTokens.json': { text: JSON.stringify(parse(siteText(quiet))) },
    },
    told: [`/etc/managed-tokens/managedTokens.json: the predecessor reads this file, the daemons ${file}`],
  },
  'what config check would say, and the default of the role file, has its place': {
    files: { [file]: { text: siteText(`${quiet}\npingOptions: -W 7`) } },
    told: [
      `${file}:6:1: pingOptions has no effect`,
      `${file}:7:1: defaultRoleFileDestinationTemplate is not set`,
    ],
  },
  'retries that the predecessor does without become real': {
    files: {
      [file]: { text: siteText(`${quiet}\nworkerType: {pushTokens: {numRetries: 3, retrySleep: 60s}}`) },
    },
    told: [`${file}:6: 3 retries with 60 s between them do not fit into pushTimeout`],
  },
  'constraints of two roles at one collector': {
    files: {
      [file]: {
        text: `${siteText(quiet)}      analysis:\n        account: duneana\n        destinationNodes: [node1.lab.example]\n        condorScheddConstraintOverride: Other\n`,
      },
    },
    told: [
      `${file}:16: dune_analysis and dune_production ask collector.lab.example with different constraints`,
    ],
  },
  'nobody who administers, and no lifetime for the alerts': {
    files: { [file]: { text: siteText() } },
    told: [
      `${file}:1: no administrator is named: the predecessor mails fife-group@fnal.gov`,
      `${file}: minTokenLifetime is not set`,
    ],
  },
  'directories of nodes and of vault tokens that are others than the usual': {
    files: {
      [file]: {
        text: siteText(
          `${quiet}\ndefaultRoleFileDestinationTemplate: "/var/tokens/{{.Account}}"\nserviceCreddVaultTokenPathRoot: /srv/vt`,
        ),
      },
      '/srv/vt/vt_u9-credd-dune_production': { text: 'x', mode: 0o644 },
      '/srv/vt/vt_u9-other-dune_production': { text: 'x', mode: 0o600 },
    },
    told: [
      `${file}:6: files go to /var/tokens on nodes, as before; where others may rename`,
      `${file}:7: vault tokens are kept in /srv/vt, where the storer's unit may not write`,
      '/srv/vt: 1 vault tokens in it may be read by others',
    ],
  },
  'cron’s other times, in the machine’s zone, with flags, variables and FERRY by token': {
    files: {
      [file]: {
        text: siteText(`${quiet}\nferry: {host: f.lab.example, port: 1, hostCert: /c.pem, hostKey: /k.pem}`),
      },
      [cron]: {
        text: 'PATH=/usr/bin\nHTGETTOKENOPTS="--credkey=a/b"\n*/30 * * * * rexbatch /usr/bin/token-push -v --no-push >/dev/null\n#0 6 * * * rexbatch X509_CERT_DIR=/c refresh-uids-from-ferry --authmethod jwt\n',
      },
    },
    told: [
      `${cron}:3: token-push starts at "*/30 * * * *", the daemons at "58 * * * *"`,
      `${cron}:3: -v is no flag of a daemon: there is one log`,
      `${cron}:4: FERRY is asked with a token (--authmethod jwt`,
      `${cron}:2: HTGETTOKENOPTS is set for cron alone; a unit does not see it, and its --credkey`,
      `${cron}:4: X509_CERT_DIR is set for cron alone`,
    ],
  },
  'host keys and settings that its user alone has': {
    files: {
      [file]: { text: siteText(quiet) },
      ...passwd,
      [cron]: { text: asShipped },
      '/home/rexbatch/.ssh/known_hosts': {
        text: `# old\nelsewhere ssh-rsa A\n@cert-authority *.lab.example,!node2* ssh-rsa A\n|1|salt|hash ssh-rsa A\n`,
      },
      '/home/rexbatch/.ssh/config': { text: '# mine\nHost *\n' },
    },
    told: [
      '/home/rexbatch/.ssh/known_hosts:3: the key of *.lab.example,!node2* is known to rexbatch alone',
      '/home/rexbatch/.ssh/known_hosts:4: a host key whose host is hashed is known to rexbatch alone',
      "/home/rexbatch/.ssh/config:2: ssh's settings of rexbatch are not read by the daemons",
    ],
  },
  'not host keys that the system has as well': {
    files: {
      [file]: { text: siteText(quiet) },
      ...passwd,
      '/home/rexbatch/.ssh/known_hosts': { text: nodeKey },
      '/etc/ssh/ssh_known_hosts': { text: `[node1.lab.example]:22,10.0.0.1 ssh-ed25519 AAAA\n` },
    },
    told: [],
  },
  'overrides that its jsonnet drops': {
    files: {
      [file]: { text: siteText(quiet) },
      '/etc/managed-tokens/managedTokens.jsonnet': {
        text: '{\n  desiredUIDOverride: 1, // sshOptionsOverride: x\n  "vaultServerOverride": "v",\n  experimentOverride: "dune",\n}\n',
      },
      '/etc/managed-tokens/libsonnet/experimentConfig.libsonnet': { text: library },
    },
    told: [
      '/etc/managed-tokens/managedTokens.jsonnet: /etc/managed-tokens/managedTokens.yml is made from this',
      '/etc/managed-tokens/managedTokens.jsonnet:3: vaultServerOverride is dropped without a word',
    ],
  },
  'directories of its package, its logrotate, and SELinux': {
    files: {
      [file]: { text: siteText(quiet) },
      '/var/lib/managed-tokens': { mode: 0o774 },
      '/var/log/managed-tokens': { mode: 0o755 },
      '/etc/logrotate.d/managed-tokens': {
        text: '# /var/log/managed-tokens/*.log\n/var/log/managed-tokens/*.log {\n}\n',
      },
      '/sys/fs/selinux/enforce': { text: '1' },
    },
    told: [
      '/var/lib/managed-tokens: its group may write there (mode 774)',
      '/etc/logrotate.d/managed-tokens:2: its pattern takes the daemons’ log files in',
      '/sys/fs/selinux/enforce: SELinux is enforcing',
    ],
  },
}

/** What is always told of cron. */
const ofCron = /: (token-push|refresh-uids-from-ferry) (runs until its line|is commented out)/

describe('a move from the predecessor', () => {
  for (const [sentence, { files, told }] of Object.entries(cases))
    it(`tells: ${sentence}`, () => {
      const { changes } = look('/nowhere', fakeMachine({ files }))
      const said = changes.map(({ place, says }) => `${place}: ${says}`).filter((one) => !ofCron.test(one))
      assert.deepEqual(
        said.map((one, index) => one.slice(0, told[index]?.length)),
        told,
        said.join('\n'),
      )
    })

  it('knows the configuration that cron names, and as whom it runs', () => {
    const files = {
      '/srv/mt.yml': { text: siteText(quiet) },
      [cron]: { text: '1 2 * * * somebody /usr/bin/token-push -c /srv/mt.yml\n' },
    }
    const { configuration, user, fine, served } = look('/nowhere', fakeMachine({ files }))
    assert.deepEqual(
      [configuration, user, fine, served[0]?.service],
      ['/srv/mt.yml', 'somebody', true, 'dune_production'],
    )
  })

  it('says what is wrong where nothing of it is there, or what cannot be read', () => {
    const toml = { '/etc/managed-tokens/managedTokens.toml': { text: 'a = 1' } }
    for (const [files, message] of [
      [{}, /No predecessor is here: .*--from-predecessor DIR/],
      [toml, /TOML is not read here/],
    ] as const)
      assert.throws(
        () => look('/nowhere', fakeMachine({ files })),
        (error) => error instanceof UsageError && message.test(error.message),
      )
  })
})
