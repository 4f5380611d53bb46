/** One role that differs in everything a role may differ in, beside one that does not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainService } from '../../cli/explain.ts'
import { roleSection } from '../../shared/config/schema/experiment-schema.ts'
import { load } from '../shared/config/site-text.ts'

const overrides = {
  keytabPathOverride: ['/other/dune.keytab', { keytab: '/other/dune.keytab' }],
  userPrincipalOverride: ['robot/dune@OTHER.EXAMPLE', { principal: 'robot/dune@OTHER.EXAMPLE' }],
  credkeyOverride: ['robot-dune', { credkey: 'robot-dune' }],
  desiredUIDOverride: [50_123, { desiredUid: 50_123 }],
  condorCreddHostOverride: ['credd9.lab.example', { credds: ['credd9.lab.example'] }],
  condorCollectorHostOverride: ['pool9.lab.example', { collectors: ['pool9.lab.example'] }],
  condorScheddConstraintOverride: ['IsDune', { scheddConstraint: 'IsDune' }],
  vaultServerOverride: ['vault9.lab.example', { vaultServer: 'vault9.lab.example' }],
  serviceCreddVaultTokenPathRootOverride: ['/other/tokens', { vaultTokenRoot: '/other/tokens' }],
  defaultRoleFileDestinationTemplateOverride: [
    '/tmp/other_{{.Service}}',
    { roleFileTemplate: '/tmp/other_{{.Service}}' },
  ],
  tokenGetterOverride: ['storeAndGetToken', { tokenGetter: 'storeAndGetToken' }],
  storerMethodOverride: ['direct', { storerMethod: 'direct' }],
  identityFileOverride: ['/keys/{{.Account}}', { identityFile: '/keys/dunepro' }],
  minTokenLifetimeOverride: ['2d', { minTokenLifetime: '2d' }],
  sshOptionsOverride: ['-4 -o Port=2222', { sshOptions: ['-4', '-o', 'Port=2222'] }],
  transportOverride: ['rsync', { transport: 'rsync' }],
  tokenDirectoryOverride: ['/var/tmp/{{.Account}}', { tokenDirectoryTemplate: '/var/tmp/{{.Account}}' }],
  fileCopierOptionsOverride: ['-z', { fileCopierOptions: ['-z'] }],
  pingOptionsOverride: ['-c 3', {}],
  disableNotificationsOverride: [true, { disableNotifications: true }],
} as const

const file = `keytabPath: /srv/keytabs
kerberosPrincipalPattern: "{{.Account}}/robot@LAB.EXAMPLE"
condorCollectorHost: pool.lab.example
vaultServer: vault.lab.example
experiments:
  dune:
    roles:
      plain:
        account: dunepro
        destinationNodes: [node1.lab.example]
      other:
        account: dunepro
        destinationNodes: [node1.lab.example]
${Object.entries(overrides)
  .map(([key, [value]]) => `        ${key}: ${JSON.stringify(value)}`)
  .join('\n')}
`

test('there is a case for every override; kerberosPrincipalPatternOverride is what userPrincipalOverride wins over', () => {
  const known = Object.keys(roleSection.shape).filter((key) => key.endsWith('Override'))
  assert.deepEqual([...Object.keys(overrides), 'kerberosPrincipalPatternOverride'].sort(), known.sort())
})

test('one role differs in every key that has an override, its neighbour in none, and explain names the lines', (t) => {
  const { site, origins } = load(t, file)
  const [plain, other] = ['dune_plain', 'dune_other'].map((name) =>
    site.entries.find((entry) => entry.name === name),
  )
  const lines = file.split('\n')
  const { json } = explainService(site, origins, 'dune_other')
  assert.ok('values' in json)
  for (const [key, [, expected]] of Object.entries(overrides))
    for (const [field, value] of Object.entries(expected)) {
      assert.deepEqual(other?.[field as keyof typeof other], value, key)
      const line = json.values[field]?.line ?? 0
      assert.ok(lines[line - 1]?.trim().startsWith(`${key}:`), `${field} is explained by ${key}`)
      if (key !== 'tokenGetterOverride') assert.notDeepEqual(plain?.[field as keyof typeof plain], value, key)
    }
})

test('a pattern of one role’s own names its principal', (t) => {
  const pattern = `        kerberosPrincipalPatternOverride: "{{.Account}}/batch/{{.Role}}@LAB.EXAMPLE"\n`
  const { site } = load(t, file.replace(/^ {8}userPrincipalOverride: .*\n/m, pattern))
  assert.equal(
    site.entries.find(({ name }) => name === 'dune_other')?.principal,
    'dunepro/batch/other@LAB.EXAMPLE',
  )
})
