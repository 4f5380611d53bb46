/** What the predecessor's reader took, in the forms that people write: it loads with the meaning that it had there. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry, Site } from '../../../shared/config/site.ts'
import { brief, load, problemsOf, siteText } from './site-text.ts'

interface Form {
  /** The whole file, or what stands at the top of a small one (its first line is line 4). */
  readonly file?: string | Buffer
  readonly top?: string
  readonly role?: string
  readonly name?: string
  readonly see: (site: Site, entry: Entry) => unknown
  readonly is: unknown
  readonly warnings?: readonly string[]
}

const json = (top: object) =>
  JSON.stringify(
    {
      keytabPath: '/srv/keytabs',
      kerberosPrincipalPattern: '{{.Account}}/robot@LAB.EXAMPLE',
      condorCollectorHost: 'collector.lab.example',
      ...top,
      experiments: {
        dune: {
          emails: ['dune@lab.example'],
          roles: { production: { account: 'dunepro', destinationNodes: ['n'] } },
        },
      },
    },
    null,
    '\t',
  )
const withEmails = (emails: string) => siteText().replace('[dune@lab.example]', emails)
const constraint = (_: Site, entry: Entry) => entry.scheddConstraint
const emails = (_: Site, entry: Entry) => entry.emails
const muted = ({ disableNotifications }: Site) => disableNotifications
const sshOptions = (_: Site, entry: Entry) => entry.sshOptions
const admins = ({ notifications }: Site) => notifications.adminEmail
const longConstraint = Array.from({ length: 60 }, (_, schedd) => `Name == "schedd${schedd}"`).join(' || ')

const forms: Record<string, Form> = {
  'a constraint in a folded block': {
    top: 'condorScheddConstraint: >\n  IsJobsub =?= True\n  && regexp("x y", Name)\n',
    ...{ see: constraint, is: 'IsJobsub =?= True && regexp("x y", Name)' },
  },
  'a constraint in a literal block': {
    top: 'condorScheddConstraint: |\n  IsJobsub =?= True\n    && Memory > 1\n',
    ...{ see: constraint, is: 'IsJobsub =?= True && Memory > 1' },
  },
  'a constraint in a block of jsonnet’s': {
    file: json({ condorScheddConstraint: 'IsJobsub =?= True\n\t&& Memory > 1\n' }),
    ...{ name: 'managedTokens.json', see: constraint, is: 'IsJobsub =?= True && Memory > 1' },
  },
  'a Vault server as a browser shows it': {
    top: 'vaultServer: https://vault.lab.example:8200/',
    ...{ see: (_, entry) => entry.vaultServer, is: 'https://vault.lab.example:8200' },
  },
  'a constraint of 1,500 letters': {
    top: `condorScheddConstraint: '${longConstraint}'`,
    see: constraint,
    is: longConstraint,
  },
  'a constraint that is a truth value': { top: 'condorScheddConstraint: true', see: constraint, is: 'true' },
  'a constraint of one role in a block': {
    role: 'condorScheddConstraintOverride: >-\n  A &&\n  B',
    ...{ see: constraint, is: 'A && B' },
  },
  'a path in a block': {
    top: 'logs: {token-push: {logfile: "/var/log/x/x.log\\n"}}\nferry:\n  host: ferry.lab.example\n  port: 1\n  caPath: |\n    /etc/ca\n',
    ...{ see: ({ ferry, logDirectory }) => [ferry?.caPath, logDirectory], is: ['/etc/ca', '/var/log/x'] },
  },
  'ssh options in a block': {
    top: 'sshOptions: >\n  -o A=b\n  -o C=d\n',
    ...{ see: sshOptions, is: ['-o', 'A=b', '-o', 'C=d'] },
  },
  'an environment that is a number': {
    top: 'devEnvironmentLabel: 7',
    ...{ see: ({ devEnvironmentLabel }) => devEnvironmentLabel, is: '7' },
  },
  'ssh options as bare words': {
    top: 'sshOptions: "ConnectTimeout=30 ServerAliveInterval=5"',
    ...{ see: sshOptions, is: ['-o', 'ConnectTimeout=30', '-o', 'ServerAliveInterval=5'] },
  },
  'ssh options of both kinds, with stray words': {
    top: 'sshOptions: "-p 2222 lost -o A=b C=d --e -o"',
    ...{ see: sshOptions, is: ['-p', '2222', '-o', 'A=b', '-o', 'C=d'] },
    warnings: ['lost', '--e', '-o'].map(
      (word) =>
        `4:13 warning sshOptions: "${word}" is no option of ssh with its value and is left out, as the predecessor left it out — expected -o Key=value, Key=value, or another option of ssh`,
    ),
  },
  'ssh options of one role, with a stray word': {
    role: 'sshOptionsOverride: "lost A=b"',
    ...{ see: sshOptions, is: ['-o', 'A=b'] },
    warnings: [
      '12:29 warning experiments.dune.roles.production.sshOptionsOverride: "lost" is no option of ssh with its value and is left out, as the predecessor left it out — expected -o Key=value, Key=value, or another option of ssh',
    ],
  },
  'an address with a name': {
    file: withEmails('[DUNE Ops <dune-ops@example.org>]'),
    see: emails,
    is: ['dune-ops@example.org'],
  },
  'an address with a quoted name, a comma in it': {
    file: withEmails(`['"Ops, DUNE" <a@lab.example>']`),
    ...{ see: emails, is: ['a@lab.example'] },
  },
  'the same address with two names, and in another case': {
    file: withEmails('[A <a@lab.example>, B <A@lab.example>, c@lab.example]'),
    ...{ see: emails, is: ['A@lab.example', 'c@lab.example'] },
  },
  'addresses with names in one text': {
    top: `notifications: {admin_email: '"Ops, MT" <a@lab.example>, DUNE Ops <b@lab.example>; c@lab.example'}`,
    ...{ see: admins, is: ['a@lab.example', 'b@lab.example', 'c@lab.example'] },
  },
  'addresses in one text, separated by blanks': {
    top: 'notifications: {admin_email: a@lab.example b@lab.example}',
    ...{ see: admins, is: ['a@lab.example', 'b@lab.example'] },
  },
  'a sender with a name': {
    top: 'email: {from: "Managed Tokens <mt@lab.example>", smtpHost: mail.lab.example}',
    ...{ see: ({ email }) => [email?.from, email?.fromName], is: ['mt@lab.example', 'Managed Tokens'] },
  },
  'a sender without one': {
    top: 'email: {from: mt@lab.example, smtpHost: mail.lab.example, smtpPort: "25"}',
    ...{ see: ({ email }) => [email?.from, email?.fromName], is: ['mt@lab.example', undefined] },
  },
  'FERRY’s host as the predecessor needs it, with https://': {
    top: 'ferry: {host: "https://ferry.lab.example", port: "8445"}',
    ...{ see: ({ ferry }) => [ferry?.host, ferry?.port], is: ['ferry.lab.example', 8445] },
  },
  'a node with the dot that ends a full name': {
    file: siteText().replace('node1.lab.example', 'node1.lab.example.'),
    ...{ see: (_, { nodes }) => nodes, is: ['node1.lab.example'] },
  },
  'a credd by HTCondor’s name': {
    role: 'condorCreddHostOverride: crab3@schedd19.lab.example',
    ...{ see: (_, { credds }) => credds, is: ['crab3@schedd19.lab.example'] },
  },
  'a credd by HTCondor’s name for all': {
    top: 'condorCreddHost: crab3@schedd19.lab.example.',
    ...{ see: (_, { credds }) => credds, is: ['crab3@schedd19.lab.example'] },
  },
  'no addresses after the key': { file: withEmails(''), see: emails, is: [] },
  'an empty item in a list': {
    file: withEmails('[dune@lab.example, null]'),
    ...{ see: emails, is: ['dune@lab.example'] },
    warnings: ['7:32 warning experiments.dune.emails has an empty item, ignored: it can go'],
  },
  'an experiment without anything, beside another': {
    file: siteText().replace('  dune:', '  nova:\n  dune:'),
    ...{ see: ({ entries }) => entries.map(({ name }) => name), is: ['dune_production'] },
    warnings: [
      '6:3 warning nova has no emails: nobody of it hears of a failed push — expected a list of addresses',
      '6:3 warning nova has no role, so nothing is done for it — expected at least one',
    ],
  },
  'sections without anything': {
    top: 'email:\nferry:\nnotifications:\ntimeouts:\nworkerType:\nlogs:\nloki:\ntracing:\nprometheus:',
    ...{ see: ({ timeouts }) => timeouts.globalMs, is: 300_000 },
  },
  'a truth value in quotes': { top: 'disableNotifications: "True"', see: muted, is: true },
  'a truth value that is a number': { top: 'disableNotifications: 1', see: muted, is: true },
  'no for false': { top: 'disableNotifications: no', see: muted, is: false },
  'yes, which is false there': {
    top: 'disableNotifications: yes',
    ...{ see: muted, is: false },
    warnings: [
      '4:23 warning disableNotifications: "yes" is false here, as it is for the predecessor — write true or false',
    ],
  },
  'a number in quotes': {
    top: 'errorCountToSendMessage: "3"',
    ...{ see: (site) => site.errorCountToSendMessage, is: 3 },
  },
  'a pause of 0, without a unit': {
    top: 'workerType: {pushTokens: {numRetries: 1, retrySleep: 0}}',
    ...{ see: ({ retries }) => retries.push.retrySleepMs, is: 0 },
  },
  'durations in all of Go’s forms': {
    top: 'timeouts: {pushTimeout: "+30s", pingTimeout: 2.5s, kerberosTimeout: 0h0m20s, globalTimeout: 1h30m}',
    ...{
      see: ({ timeouts: { pushMs, pingMs, kerberosMs, globalMs } }) => [pushMs, pingMs, kerberosMs, globalMs],
      is: [30_000, 2_500, 20_000, 5_400_000],
    },
  },
  'keys in any case': {
    top: 'ERRORCOUNTTOSENDMESSAGE: 2',
    ...{ see: (site) => site.errorCountToSendMessage, is: 2 },
  },
  'a byte order mark': { file: `\ufeff${siteText()}`, see: emails, is: ['dune@lab.example'] },
  'the line ends of Windows': {
    file: siteText('condorScheddConstraint: >\n  A &&\n  B\n').replaceAll('\n', '\r\n'),
    ...{ see: constraint, is: 'A && B' },
  },
  'marks of a document’s beginning and end': {
    file: `%YAML 1.1\n---\n${siteText()}\n---\n# the end\n`,
    ...{ see: emails, is: ['dune@lab.example'] },
  },
  'JSON with tabs': { file: json({}), name: 'managedTokens.json', see: emails, is: ['dune@lab.example'] },
  'comments and letters beyond ASCII': {
    file: siteText('# Tschüß – „x“'),
    see: emails,
    is: ['dune@lab.example'],
  },
}

describe('what the predecessor took loads:', () => {
  for (const [what, { file, top, role, name, see, is, warnings = [] }] of Object.entries(forms))
    it(what, (t) => {
      const loaded = load(t, file ?? siteText(top, role), name)
      const [entry] = loaded.site.entries
      assert.deepEqual(see(loaded.site, entry as Entry), is)
      assert.deepEqual(loaded.warnings.map(brief), warnings)
    })
})

const refused: Record<string, readonly [top: string, said: string]> = {
  'a duration without a unit, which the predecessor passes over': [
    'timeouts: {pushTimeout: 30}',
    '4:25 error timeouts.pushTimeout is the number 30 — expected a duration such as 300s, 1h30m or 3d',
  ],
  'yes in a section of ours': [
    'distributor: {controlMaster: yes}',
    '4:30 error distributor.controlMaster is a text — expected true or false',
  ],
  'two addresses where one can be': [
    'email: {from: "A <a@b.c>, B <d@e.f>", smtpHost: h}',
    '4:15 error email.from: "A <a@b.c>, B <d@e.f>" is not an e-mail address (user@host)',
  ],
  'a name with two addresses': [
    'notifications: {admin_email: "A <a@b.c> <d@e.f>"}',
    '4:30 error notifications.admin_email.0: "A <a@b.c> <d@e.f>" is not an e-mail address (user@host)',
  ],
}

describe('what cannot be meant is refused with its place:', () => {
  for (const [what, [top, said]] of Object.entries(refused))
    it(what, (t) => assert.deepEqual(problemsOf(t, siteText(top)).map(brief), [said]))
})
