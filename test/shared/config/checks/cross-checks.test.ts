import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load, siteText } from '../site-text.ts'

const second = (role: string, experiment = 'nova') => `${siteText()}  ${experiment}:
    emails: [nova@lab.example]
    roles:
      production: {${role}}
`
const said = (t: Parameters<typeof load>[0], text: string) =>
  load(t, text).warnings.map(({ line, message }) => `${line} ${message}`)

test('entries with accounts and nodes of their own are nobody’s business', (t) => {
  assert.deepEqual(said(t, second('account: novapro, destinationNodes: [node1.lab.example]')), [])
  assert.deepEqual(said(t, second('account: dunepro, destinationNodes: [node2.lab.example]')), [])
})

test('two entries of one account on one node write the same token file', (t) => {
  assert.deepEqual(
    said(t, second('account: dunepro, destinationNodes: [node2.lab.example, node1.lab.example]')),
    [
      '15 dune_production and nova_production write the same files on node1.lab.example (/tmp/vt_u<UID of dunepro>): the last run wins — expected other nodes or another account',
    ],
  )
})

test('two accounts with one UID write the same token file', (t) => {
  const text = second(
    'account: novapro, destinationNodes: [node1.lab.example], desiredUIDOverride: 7',
  ).replace('account: dunepro', 'account: dunepro\n        desiredUIDOverride: 7')
  assert.match(said(t, text).join('\n'), /^16 .*\(\/tmp\/vt_u7\)/)
})

test('a role file without account or UID in its name is shared by all on the node', (t) => {
  const text = second('account: novapro, destinationNodes: [node1.lab.example]').replace(
    'experiments:',
    'defaultRoleFileDestinationTemplate: "/tmp/role_{{.Role}}"\nexperiments:',
  )
  assert.match(said(t, text).join('\n'), /\(\/tmp\/role_production\)/)
})

test('many shared nodes make one warning', (t) => {
  const nodes = Array.from({ length: 30 }, (_, index) => `n${index}.lab.example`).join(', ')
  const text = second(`account: dunepro, destinationNodes: [${nodes}]`).replace(
    '[node1.lab.example]',
    `[${nodes}]`,
  )
  const warnings = said(t, text)
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /on n0\.lab\.example, n1\.lab\.example, n2\.lab\.example and 27 more/)
})

test('one service with two principals is a warning, with one it is none', (t) => {
  const text = (principal: string) =>
    second(`account: dunepro, destinationNodes: [], userPrincipalOverride: "${principal}"`, 'dune-2').replace(
      '  dune-2:',
      '  dune-2:\n    experimentOverride: dune',
    )
  assert.deepEqual(said(t, text('dunepro/robot@LAB.EXAMPLE')), [])
  assert.deepEqual(said(t, text('other@LAB.EXAMPLE')), [
    "16 service dune_production has different principals: dune_production uses dunepro/robot@LAB.EXAMPLE, dune-2_production uses other@LAB.EXAMPLE — expected one principal, or each replaces the other's token",
  ])
})

test('retries that fit are nobody’s business, and those that do not keep their number', (t) => {
  assert.deepEqual(said(t, siteText('workerType: {pushTokens: {numRetries: 2, retrySleep: 10s}}')), [])
  const { site, warnings } = load(t, siteText('workerType: {storeAndGetToken: {numRetries: 9}}'))
  assert.equal(site.retries.store.numRetries, 9)
  assert.match(warnings[0]?.message ?? '', /10 × 1m \+ 9 × 0s = 10m, but globalTimeout is 5m/)
})

test('what is missing without being wrong is said once', (t) => {
  assert.deepEqual(
    said(
      t,
      `${siteText()}  nova: {roles: {production: {account: novapro}}}\n  empty: {emails: [], roles: {}}\n`,
    ),
    [
      '12 nova has no emails: nobody of it hears of a failed push — expected a list of addresses',
      '12 nova_production has no destinationNodes: its token is pushed nowhere — expected a list of nodes, or [] if that is meant',
      '13 empty has no role, so nothing is done for it — expected at least one',
    ],
  )
})

test('a node named twice gets one push', (t) => {
  const { site, warnings } = load(
    t,
    siteText().replace('[node1.lab.example]', '[node1.lab.example, node1.lab.example]'),
  )
  assert.deepEqual(site.entries[0]?.nodes, ['node1.lab.example'])
  assert.match(warnings[0]?.message ?? '', /names node1\.lab\.example more than once/)
})

test('a mail login is whole, and its password never readable on the way', (t) => {
  const mail = (keys: string) =>
    said(t, siteText(`email: {from: a@lab.example, smtpHost: mail.lab.example${keys}}\n`))
  assert.deepEqual(mail(', user: robot, passwordFile: /etc/mail.password, tls: starttls'), [])
  const halves = /email\.user and email\.passwordFile belong together/
  assert.match(String(mail(', user: robot')), halves)
  assert.match(String(mail(', passwordFile: /etc/mail.password')), halves)
  assert.match(
    String(mail(', user: robot, passwordFile: /etc/mail.password, tls: none')),
    /can be read on the way — expected starttls or tls$/,
  )
})

const roleFile =
  /^\d+ defaultRoleFileDestinationTemplate is not set: .* goes to \/tmp\/jobsub_default_role_\S+, .* predecessor's default \/tmp\/default_role_/
const signs: Record<string, readonly [top: string, role: string, isTold: boolean]> = {
  'of the predecessor': ['dbLocation: /var/lib/managed-tokens/uid.db', '', true],
  'of the predecessor, to which our sections were added': [
    'pingOptions: -4\nnats: {servers: [nats://h:4222]}',
    '',
    true,
  ],
  'of the predecessor, with its logs': [
    'logs: {refresh-uids-from-ferry: {logfile: /var/log/x.log}}',
    '',
    true,
  ],
  'of the predecessor, with the key': [
    'dbLocation: /x.db\ndefaultRoleFileDestinationTemplate: "/tmp/default_role_{{.Experiment}}_{{.DesiredUID}}"',
    '',
    false,
  ],
  'of the predecessor, with the key in every role': [
    'dbLocation: /x.db',
    'defaultRoleFileDestinationTemplateOverride: "/tmp/r_{{.DesiredUID}}"',
    false,
  ],
  'written for us': ['nats: {servers: [nats://h:4222]}', '', false],
}
for (const [what, [top, role, isTold]] of Object.entries(signs))
  test(`the other default of the role file is ${isTold ? 'told' : 'no news'} in a file ${what}`, (t) => {
    const found = load(t, siteText(top, role)).warnings.map(({ line, message }) => `${line} ${message}`)
    assert.equal(found.filter((one) => roleFile.test(one)).length, isTold ? 1 : 0, found.join('\n'))
  })

test('a budget of requests to Vault that is too small for a run is said, with the numbers', (t) => {
  const entries = Array.from(
    { length: 40 },
    (_, index) => `  e${index}:
    emails: [a@lab.example]
    roles:
      production: {account: a${index}, destinationNodes: [node${index}.lab.example]}
`,
  ).join('')
  const text = (budget: number) =>
    `${siteText(`condorCreddHost: [one.lab.example, two.lab.example]\nvault: {requestsPer5Min: ${budget}}`)}${entries}`
  assert.deepEqual(said(t, text(100)), [
    "5 100 requests to Vault in five minutes are too few for a run: 41 entries × 3 + 0 bearer tokens × 2 + 82 stores × 2 = 287 requests take 18m58s, and globalTimeout is 5m — expected a larger budget, or none: then Vault's own limit decides",
  ])
  assert.deepEqual(said(t, text(300)), [])
})

for (const server of [
  'vault.lab.example',
  'vault.lab.example:8200',
  'https://vault.lab.example',
  'localhost:18200',
])
  test(`credential monitors take a Vault at ${server}`, (t) =>
    assert.deepEqual(said(t, siteText(`vaultServer: "${server}"`)), []))

test('a Vault on another port is one warning, where credds are used', (t) => {
  const text = siteText('vaultServer: vault.lab.example:8443')
  assert.deepEqual(said(t, text), [
    "4 vault.lab.example:8443: HTCondor's credential monitor takes Vault on port 8200 only, so that what credds store brings no job a token from port 8443 — expected port 8200, or tokenGetterOverride: getToken for entries whose jobs need none",
  ])
  assert.deepEqual(
    said(t, siteText('vaultServer: vault.lab.example:8443', 'tokenGetterOverride: getToken')),
    [],
  )
  const own = siteText(
    'vaultServer: vault.lab.example',
    'vaultServerOverride: "https://vault.lab.example:443"',
  )
  assert.match(said(t, own).join('\n'), /^12 https:.*port 443/)
})

const nats = (keys: string) => `${siteText()}nats: {${keys}}\n`
for (const [what, keys, expected] of [
  [
    'copies on three named servers are fine',
    'servers: ["nats://a", "nats://b", "nats://c"], replicas: 3',
    /^$/,
  ],
  [
    'copies on servers that are not named are told of',
    'servers: ["nats://a"], replicas: 3',
    /expected all 3$/,
  ],
  ['copies of the private server are told of', 'replicas: 3', /have no effect — expected servers$/],
  ['a domain of the private server is told of', 'domain: hub', /have no effect — expected servers$/],
  ['a domain of a server that is named is fine', 'servers: ["nats://a"], domain: hub', /^$/],
] as const)
  test(what, (t) => assert.match(said(t, nats(keys)).join('\n'), expected))
