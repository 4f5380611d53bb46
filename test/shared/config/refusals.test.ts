import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import fc from 'fast-check'
import { loadSite } from '../../../shared/config/load.ts'
import { ConfigError } from '../../../shared/config/read/problem.ts'
import { brief, noEnvironment, problemsOf, siteText, writeSite } from './site-text.ts'

/** A text to put at the top of a good file (its first line is line 4), and what is said of it. */
const atTheTop: Record<string, readonly [string, ...string[]]> = {
  'an unknown key in a section of ours': [
    'storer: {lane: 1}',
    '4:10 error unknown key "lane" in storer — did you mean "lanes"?',
  ],
  'a section of ours, misspelt': [
    'distibutor: {perNode: 2}',
    '4:1 error unknown key "distibutor" here — did you mean "distributor"?',
  ],
  'a key with no near one': [
    'nats: {zzzzzz: 1}',
    '4:8 error unknown key "zzzzzz" in nats — expected one of: servers, seedFile, caFile, replicas, domain',
  ],
  'more lanes than sixteen': [
    'storer: {lanes: 17}',
    '4:17 error storer.lanes is the number 17 — expected at most 16',
  ],
  'a text for a number': [
    'distributor: {perNode: many}',
    '4:24 error distributor.perNode is a text — expected a whole number',
  ],
  'a number for a duration': [
    'timeouts: {pingTimeout: 5}',
    '4:25 error timeouts.pingTimeout is the number 5 — expected a duration such as 300s, 1h30m or 3d',
  ],
  'a number out of range': [
    'distributor: {perNode: 0}',
    '4:24 error distributor.perNode is the number 0 — expected at least 1',
  ],
  'a fraction': [
    'errorCountToSendMessage: 1.5',
    '4:26 error errorCountToSendMessage is the number 1.5 — expected a whole number',
  ],
  'a list for a map': ['email: []', '4:8 error email is a list — expected a map'],
  'a map for a text': [
    'sshOptions: {a: b}',
    '4:13 error sshOptions is a map — expected words for a command line (one line, every quote closed)',
  ],
  'an open quote': [
    `sshOptions: 'a "b'`,
    '4:13 error sshOptions: "a \\"b" is not words for a command line (one line, every quote closed)',
  ],
  'steps that exceed the run': [
    'timeouts: {globalTimeout: 60s}',
    '4:1 error the steps take longer than a run may: kerberosTimeout 20s + vaultStorerTimeout 1m + pingTimeout 10s + pushTimeout 30s = 2m is more than globalTimeout 1m — expected a sum of at most globalTimeout',
  ],
  'a lifetime htgettoken cannot take': [
    'minTokenLifetime: 1h30m',
    '4:19 error minTokenLifetime: "1h30m" is not one number and one of s, m, h, d (such as 3d), all that htgettoken takes',
  ],
  'a lifetime as long as the token': [
    'minTokenLifetime: 7d',
    '4:19 error minTokenLifetime: has to be below 7d, the life of a new vault token',
  ],
  'a key twice, in another case': [
    'KEYTABPATH: /x',
    '4:1 error "KEYTABPATH" stands here twice (keys are the same whatever their case; the other is in line 1): keep one',
  ],
  'an unknown template field': [
    'defaultRoleFileDestinationTemplate: "/tmp/{{.Group}}"',
    '4:37 error defaultRoleFileDestinationTemplate: unknown field {{.Group}}: only {{.Account}} {{.DesiredUID}} {{.Experiment}} {{.Role}} {{.Service}} can stand here',
  ],
  'a role file in the place of a token': [
    'defaultRoleFileDestinationTemplate: "/tmp/vt_u{{.DesiredUID}}"',
    '4:37 error defaultRoleFileDestinationTemplate, for dune_production: "/tmp/vt_u65534" is a directory or a token\'s place — expected a file of its own',
  ],
  'a relative role file': [
    'defaultRoleFileDestinationTemplate: "{{.Role}}"',
    '4:37 error defaultRoleFileDestinationTemplate, for dune_production: "production" is not an absolute path (letters, digits and . _ @ % + = : , ~ - only, no ".." in it)',
  ],
  'a UID that is not known yet': [
    'serviceCreddVaultTokenPathRoot: "/x/{{.DesiredUID}}"',
    '4:33 error serviceCreddVaultTokenPathRoot uses {{.DesiredUID}}, which is not known yet when dune_production needs it — expected desiredUIDOverride in that role, or another field',
  ],
  'a program that could be an option': [
    'distributor: {ssh: -oProxyCommand=x}',
    '4:20 error distributor.ssh: "-oProxyCommand=x" is not a program (a bare name or an absolute path)',
  ],
  'a NATS server with a password in it': [
    'nats: {servers: ["nats://me:planted-secret@h"]}',
    '4:18 error nats.servers.0: expected nats://host:port or tls://host:port, without user or password',
  ],
  'a cron expression of four fields': [
    'schedule: {cron: "1 2 3 4"}',
    '4:18 error schedule.cron: expected a cron expression of five fields (minute hour day month weekday), or false',
  ],
  'a time zone nobody knows': [
    'schedule: {timeZone: Fermilab}',
    '4:22 error schedule.timeZone: not a time zone: expected an IANA name such as UTC or America/Chicago',
  ],
  'a header in an address': [
    'email: {from: "a@b\\nBcc: c@d", smtpHost: h}',
    '4:15 error email.from: "a@b\\nBcc: c@d" is not an e-mail address (user@host)',
  ],
}

for (const [what, [text, ...expected]] of Object.entries(atTheTop)) {
  test(`${what} is refused where it stands`, (t) => {
    assert.deepEqual(problemsOf(t, siteText(text)).map(brief), expected)
  })
}

/** Lines to put into the role (at line 12), and what is said of them. */
const inTheRole: Record<string, readonly [string, string]> = {
  'an account': ['ACCOUNT: x', '12:9 error "ACCOUNT" stands here twice'],
  'UID 0': [
    'desiredUIDOverride: 0',
    '12:29 error experiments.dune.roles.production.desiredUIDOverride is the number 0 — expected at least 1',
  ],
  'an unknown getter': [
    'tokenGetterOverride: gettoken',
    '12:30 error experiments.dune.roles.production.tokenGetterOverride is none of the known words — expected one of "storeAndGetToken", "getToken"',
  ],
  'a relative keytab': [
    'keytabPathOverride: x.keytab',
    '12:29 error experiments.dune.roles.production.keytabPathOverride, for dune_production: "x.keytab" is not an absolute path',
  ],
  'a keytab behind ..': [
    'keytabPathOverride: /a/../b',
    '12:29 error experiments.dune.roles.production.keytabPathOverride, for dune_production: "/a/../b" is not an absolute path',
  ],
  'a principal like an option': [
    'userPrincipalOverride: -k',
    '12:32 error experiments.dune.roles.production.userPrincipalOverride, for dune_production: "-k" is not a Kerberos principal',
  ],
  'no credd at all': [
    'condorCreddHostOverride: []',
    '12:34 error experiments.dune.roles.production.condorCreddHostOverride is a list — expected at least one credd',
  ],
}
for (const [what, [text, expected]] of Object.entries(inTheRole)) {
  test(`${what} in a role is refused where it stands`, (t) => {
    const said = problemsOf(t, siteText('', text)).map(brief)
    assert.equal(said.length, 1)
    assert.ok(said[0]?.startsWith(expected), said[0])
  })
}

for (const node of [
  '-oProxyCommand=x',
  'a b',
  'a"b',
  "a'b",
  'a\nb',
  '..',
  'a..b',
  'tschüß',
  '',
  '$(id)',
  '\u202eevil',
]) {
  test(`a node called ${JSON.stringify(node)} is refused with its place`, (t) => {
    const problems = problemsOf(t, siteText().replace('[node1.lab.example]', JSON.stringify([node])))
    assert.deepEqual(
      problems.map(({ line, column, path }) => ({ line, column, path })),
      [{ line: 11, column: 28, path: 'experiments.dune.roles.production.destinationNodes.0' }],
    )
    assert.match(problems[0]?.message ?? '', /is not a host name|is empty — expected a host name/)
  })
}

for (const account of ['-l root', '-x', 'a b', 'a"', "a'", 'a\nb', '../x', 'a..b', 'tschüß', '12', 'a/b']) {
  test(`an account called ${JSON.stringify(account)} is refused with its place`, (t) => {
    const [problem, ...more] = problemsOf(t, siteText().replace('dunepro', JSON.stringify(account)))
    assert.deepEqual([problem?.line, problem?.column, more], [10, 18, []])
    assert.match(problem?.message ?? '', /is not an account name/)
  })
}

for (const name of ['__proto__', '-x', 'a b', 'a/b', 'a..b', '..', 'é', 'a"b']) {
  test(`an experiment and a role called ${JSON.stringify(name)} are refused with their places`, (t) => {
    const [experiment] = problemsOf(t, siteText().replace('dune:', `${JSON.stringify(name)}:`))
    assert.deepEqual([experiment?.line, experiment?.column], [6, 3])
    const [role] = problemsOf(t, siteText().replace('production:', `${JSON.stringify(name)}:`))
    assert.deepEqual([role?.line, role?.column], [9, 7])
  })
}

const wholeFiles: Record<string, readonly [string | Buffer, string]> = {
  'an empty file': [
    '',
    '1:1 error the file is empty — expected at least keytabPath, kerberosPrincipalPattern and experiments',
  ],
  'nothing but a comment': [
    '# nothing\n',
    '1:1 error the file is empty — expected at least keytabPath, kerberosPrincipalPattern and experiments',
  ],
  'a list': ['- a\n', '1:1 error the file is not a map — expected "key: value" lines such as "experiments:"'],
  'a text': ['hello', '1:1 error the file is not a map — expected "key: value" lines such as "experiments:"'],
  'no experiments': ['keytabPath: /x', '1:1 error "experiments" is missing — expected a map'],
  'experiments without a value': [
    '\nexperiments:\n',
    '2:1 error "experiments" has no value — expected a map',
  ],
  'experiments without one': [
    'experiments: {}',
    '1:1 error there is no experiment — expected at least one, with roles and an account',
  ],
  'an experiment without anything': [
    'experiments: {dune: }',
    '1:15 error "roles" is missing in experiments.dune — expected a map',
  ],
  'broken YAML': ['a: [b\nc: d\n', '2:1 error'],
  'a tab': ['a:\n\tb: c\n', '2:1 error a tab indents this line — expected spaces'],
  'two documents': [
    'a: b\n---\nc: d\n',
    '2:1 error a second document starts here — expected one document in the file',
  ],
  'an alias of nothing': [
    'keytabPath: *b\n',
    '1:13 error nothing before this is called &b — expected an anchor of that name',
  ],
  'bytes that are no text': [
    Buffer.from([0x61, 0xff, 0xfe]),
    '1:1 error the file is not UTF-8 text — expected YAML or JSON in UTF-8',
  ],
}
for (const [what, [text, expected]] of Object.entries(wholeFiles)) {
  test(`${what} is refused`, (t) => {
    const said = problemsOf(t, text).map(brief)
    assert.ok(
      said.some((line) => line.startsWith(expected)),
      said.join('\n'),
    )
  })
}

test('what a role lacks is said at the role, once each', (t) => {
  const text = 'experiments: {dune: {emails: [], roles: {production: {account: a, destinationNodes: []}}}}'
  assert.deepEqual(problemsOf(t, text).map(brief), [
    '1:42 error dune_production has no principal — expected kerberosPrincipalPattern at the top, or userPrincipalOverride here',
    '1:42 error dune_production has no keytab — expected keytabPath at the top, or keytabPathOverride here',
    '1:42 error dune_production has no collector to ask for credds — expected condorCollectorHost at the top, or condorCollectorHostOverride, condorCreddHostOverride or tokenGetterOverride: getToken here',
  ])
})

test('an underscore in the real experiment is refused, with the override it is not', (t) => {
  const [problem, ...more] = problemsOf(t, siteText().replace('dune:', 'dune_2:'))
  assert.deepEqual([problem?.line, problem?.column, more], [6, 3, []])
  assert.match(problem?.message ?? '', /expected experimentOverride/)
  loadSite(writeSite(t, siteText().replace('dune:', 'dune_2:\n    experimentOverride: dune')), noEnvironment)
})

test('all of it is said in one go, and what follows from a refused value is not said', (t) => {
  const text = siteText(
    'storer: {lane: 1}\ntimeouts: {globalTimeout: 60s, pingTimeout: 5}\nkerberosTimeout: 3s',
  )
    .replace('/srv/keytabs', '[]')
    .replace('        account: dunepro\n', '')
    .replace('node1.lab.example', '-oProxyCommand=x')
  const problems = problemsOf(
    t,
    `${text}  nova:\n    roles:\n      production: {account: n, keytabPathOverride: x}\n`,
  )
  assert.deepEqual(
    problems.map(({ severity, path }) => `${severity} ${path}`),
    [
      'error keytabPath',
      'error storer.lane',
      'error timeouts',
      'error timeouts.pingTimeout',
      'warning kerberosTimeout',
      'error experiments.dune.roles.production.account',
      'error experiments.dune.roles.production.destinationNodes.0',
      'warning experiments.nova',
      'warning experiments.nova.roles.production',
      'error experiments.nova.roles.production.keytabPathOverride',
    ],
  )
})

test('no message quotes a webhook URL, not even where the YAML around it is broken', (t) => {
  const secret = 'planted-webhook-secret'
  for (const text of [
    siteText(`notifications: {SLACK_ALERTS_URL: "${secret}"}`),
    siteText(`notifications: {SLACK_ALERTS_URL: [https://h/${secret}]}`),
    siteText(`notifications: {SLACK_ALERTS_URL: |https://h/${secret}}`),
    siteText(`notifications:\n  SLACK_ALERTS_URL: |https://h/${secret}\n`),
    siteText(`notifications: {https://h/${secret}}\nkeytabPath: /twice`),
    siteText(`notifications: {SLACK_ALERTS_URL: "https://h/${secret}`),
    siteText(`notifications:\n  SLACK_ALERTS_URL: https://h/${secret} : x\n`),
    siteText(`notifications:\n SLACK_ALERTS_URL: "https://h/${secret}" x\n`),
  ]) {
    assert.ok(!JSON.stringify(problemsOf(t, text)).includes(secret), text)
  }
})

test('files that cannot be read are named, with the reason and what to do', (t) => {
  const said = (file: string) => {
    try {
      loadSite(file, noEnvironment)
      return 'loaded'
    } catch (error) {
      assert.ok(error instanceof ConfigError)
      return error.message
    }
  }
  assert.match(
    said('/nonexistent/managedTokens.yml'),
    /^\/nonexistent\/managedTokens\.yml:1:1: error: there is no such file — expected .* --config$/,
  )
  assert.match(said(tmpdir()), /this is a directory — expected a file$/)
  const file = writeSite(t, siteText())
  chmodSync(file, 0)
  // root reads everything
  assert.match(said(file), process.getuid?.() === 0 ? /^loaded$/ : /may not read the file/)
})

test('whatever a file holds, it is loaded or refused with places inside it: never another error', (t) => {
  const pieces = [
    'experiments',
    'dune',
    'roles',
    'production',
    'account',
    'x',
    ':',
    ': ',
    ' ',
    '\n',
    '\n  ',
    '\n    ',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '&a',
    '*a',
    '<<: ',
    '#',
    '!',
    '|',
    '>',
    '?',
    '%',
    '@',
    '\t',
    ',',
    '1',
    'null',
    '~',
    '{{.X}}',
    '__proto__',
    'constructor',
  ]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 30 }), (parts) => {
      const problems = problemsOf(t, parts.join(''))
      const lines = parts.join('').split('\n').length
      for (const { line, column } of problems) assert.ok(line >= 1 && line <= lines && column >= 1)
      assert.ok(problems.some(({ severity }) => severity === 'error'))
    }),
    { numRuns: 500 },
  )
})
