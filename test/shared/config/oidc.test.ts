/** Entries whose tokens come from a token issuer without Vault: what they need, what they do not, and what is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadSite } from '../../../shared/config/load.ts'
import { noEnvironment, problemsOf, writeSite } from './site-text.ts'

interface Text {
  readonly issuer?: string
  readonly role?: string
  readonly top?: string
}

const text = ({ issuer = 'clientSecretFile: /s', role = '', top = '' }: Text = {}) => `
${top}
issuers:
  IAM: { url: https://iam.example/, clientId: managed-tokens, ${issuer} }
distributor: { identityFile: '/keys/{{.Account}}' }
experiments:
  cms:
    emails: [cms@example.org]
    roles:
      production:
        account: cmsprod
        desiredUIDOverride: 51101
        destinationNodes: [node1.example]
        tokenGetterOverride: oidc
        ${role || 'oidc: { issuer: Iam, grant: client_credentials }\n        deliver: [{ bearer: { scopes: [storage.read:/cms] } }]'}
`

test('such an entry needs no keytab, no principal, no Vault and no collector', (t) => {
  const { site, warnings } = loadSite(writeSite(t, text()), noEnvironment)
  assert.deepEqual(warnings, [])
  const [entry] = site.entries
  assert.deepEqual(entry?.oidc, { issuer: 'iam', grant: 'client_credentials' })
  assert.equal(entry?.identityFile, '/keys/cmsprod')
  for (const key of ['principal', 'keytab', 'credds', 'vaultServer', 'roleFileTemplate'] as const)
    assert.equal(entry?.[key], undefined, key)
  assert.equal(site.issuers.iam?.url, 'https://iam.example/')
})

test('reached by Kerberos, it needs a keytab and a principal as all others do', (t) => {
  const byTicket = text().replace(/^distributor: .*$/m, '')
  const said = problemsOf(t, byTicket).map(({ message }) => message)
  assert.equal(said.length, 2, said.join('\n'))
  assert.match(said.join('\n'), /has no keytab[\s\S]*|has no principal/)
  const given = text({ top: "keytabPath: /k\nkerberosPrincipalPattern: '{{.Account}}@LAB'" })
  const { site } = loadSite(writeSite(t, given.replace(/^distributor: .*$/m, '')), noEnvironment)
  assert.equal(site.entries[0]?.keytab, '/k/cmsprod.keytab')
})

const bearer = 'deliver: [{ bearer: { scopes: [storage.read:/cms] } }]'
const asking = (oidc: string, deliver = bearer) => ({ role: `oidc: ${oidc}\n        ${deliver}` })

const refused: Record<string, readonly [Text, RegExp]> = {
  'no issuer': [{ role: bearer }, /cms_production has no issuer — expected oidc: with issuer and grant/],
  'an issuer that is not configured': [
    asking('{ issuer: other, grant: client_credentials }'),
    /"other" is none of issuers — expected iam/,
  ],
  'an unknown grant': [asking('{ issuer: iam, grant: password }'), /expected one of "client_credentials"/],
  'a key that nobody knows': [
    asking('{ issuer: iam, grant: client_credentials, grnat: x }'),
    /unknown key "grnat" in experiments\.cms\.roles\.production\.oidc — did you mean "grant"/,
  ],
  'a vault token, which there is not': [
    asking('{ issuer: iam, grant: client_credentials }', 'deliver: [vault]'),
    /has no vault token with tokenGetterOverride: oidc — expected deliver: with bearer: alone/,
  ],
  'nothing to deliver': [
    asking('{ issuer: iam, grant: client_credentials }', ''),
    /has no vault token with tokenGetterOverride: oidc/,
  ],
  'a public client that asks for itself': [
    { issuer: '' },
    /client_credentials needs a client that can prove who it is — expected clientSecretFile or clientKeyFile in issuers\.iam/,
  ],
  'a secret and a key': [
    { issuer: 'clientSecretFile: /s, clientKeyFile: /k' },
    /clientSecretFile and clientKeyFile exclude each other/,
  ],
  'an issuer without TLS': [{ issuer: 'clientSecretFile: /s, url: http://iam.example' }, /twice/],
  'an issuer that nobody can ask in private': [
    { top: 'tracing: {}', issuer: 'clientSecretFile: /s, caPath: relative' },
    /"relative" is not an absolute path/,
  ],
}

for (const [what, [change, expected]] of Object.entries(refused))
  test(`${what} is refused`, (t) => {
    const said = problemsOf(t, text(change)).map(({ message }) => message)
    assert.match(said.join('\n'), expected)
  })

test('http is refused where the issuer’s URL stands', (t) => {
  const said = problemsOf(t, text().replace('https://iam.example/', 'http://iam.example/'))
  assert.match(said[0]?.message ?? '', /"http:\/\/iam\.example\/" is not the URL of an issuer/)
})

test('a public client may have people’s logins, and oidc without its getter counts for nothing', (t) => {
  const people = text({ issuer: '', ...asking('{ issuer: iam, grant: refresh_token }') })
  assert.equal(loadSite(writeSite(t, people), noEnvironment).site.entries[0]?.oidc?.grant, 'refresh_token')
  const other = text({ top: "keytabPath: /k\nkerberosPrincipalPattern: '{{.Account}}@LAB'" })
  const said = problemsOf(t, other.replace('tokenGetterOverride: oidc', 'tokenGetterOverride: getToken'))
  assert.match(said[0]?.message ?? '', /has oidc, which counts only with tokenGetterOverride: oidc/)
})
