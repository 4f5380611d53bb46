/** Where a bearer token goes, and in which form: its path, its audiences, its clashes, the life that its consumer asks for. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { explainService } from '../../../cli/explain.ts'
import { fieldsOf } from '../../../shared/config/resolve/deliver.ts'
import { nodeFiles } from '../../../shared/config/resolve/node-files.ts'
import { audience as someAudience } from '../../../shared/config/schema/grammar.ts'
import { brief, load, problemsOf, siteText } from './site-text.ts'

const bearer = (keys: string) => `deliver: [{bearer: {scopes: a, ${keys}}}]`

/** The one entry's files on a node, but for jobsub's. */
const filesOf = (t: Parameters<typeof load>[0], role: string) => {
  const [entry] = load(t, siteText('', `desiredUIDOverride: 4711\n${role}`)).site.entries
  assert.ok(entry)
  return nodeFiles(entry, 4711).flatMap(({ path, holds }) => (holds === 'role' ? [] : path))
}

describe('a bearer token’s path', () => {
  const paths: Record<string, [keys: string, path: string]> = {
    'is the usual place where there is none': ['', '/tmp/bt_u4711'],
    'is as written': ['path: /srv/token', '/srv/token'],
    'knows the entry’s fields': [
      'path: "/srv/{{.Service}}/{{.Experiment}}/{{.Role}}/{{.DesiredUID}}/{{.Account}}"',
      '/srv/dune_production/dune/production/4711/dunepro',
    ],
    'knows the purpose': ['purpose: ce, path: "/srv/{{.Purpose}}"', '/srv/ce'],
    'knows the audience, cleaned': [
      'audience: "https://ce.example:9619/../x", path: "/srv/{{.Audience}}"',
      '/srv/https___ce.example_9619_.._x',
    ],
    'knows the host of a URL': [
      'audience: "https://ce.example:9619/x", path: "/srv/{{.AudienceHost}}"',
      '/srv/ce.example',
    ],
    'knows the host of host:port': [
      'audience: "ce.example:9619", path: "/srv/{{.AudienceHost}}"',
      '/srv/ce.example',
    ],
    'knows the md5 of host:port, as Harvester has it': [
      'audiences: ["ce.example:9619"], path: "/srv/{{.AudienceMd5}}"',
      `/srv/${createHash('md5').update('ce.example:9619').digest('hex')}`,
    ],
    'knows the md5 of a URL’s host and port': [
      'audience: "https://ce.example/jwt", path: "/srv/{{.AudienceMd5}}"',
      `/srv/${createHash('md5').update('ce.example:443').digest('hex')}`,
    ],
  }
  for (const [what, [keys, path]] of Object.entries(paths))
    it(what, (t) => assert.deepEqual(filesOf(t, bearer(keys)), [path]))

  it('is one for each audience, and so is the token', (t) => {
    const role = bearer(
      'audiences: ["a.example:1", "b.example:2"], each: true, path: "/srv/{{.AudienceHost}}", purpose: p',
    )
    assert.deepEqual(filesOf(t, role), ['/srv/a.example', '/srv/b.example'])
    const { deliver } = load(t, siteText('', role)).site.entries[0] ?? {}
    assert.deepEqual(
      deliver?.bearers.map(({ audience }) => audience),
      [['a.example:1'], ['b.example:2']],
    )
  })

  it('tells tokens of one purpose apart, or of none', (t) => {
    const role =
      'deliver: [{bearer: {scopes: a}}, {bearer: {scopes: b, path: /srv/b}}, {bearer: {scopes: c, path: /srv/c}}]'
    assert.deepEqual(filesOf(t, role), ['/tmp/bt_u4711', '/srv/b', '/srv/c'])
  })

  it('stands in explain, with all that goes with it', (t) => {
    const role = bearer(
      'audience: b.example, path: "/srv/{{.AudienceHost}}", newline: false, format: json, minimumLifetime: 20m',
    )
    const { site, origins } = load(t, siteText('', role))
    assert.match(
      explainService(site, origins, 'dune_production').text,
      /^ {2}deliver +bearer \(a for b\.example\) as \/srv\/b\.example without a newline in json with at least 20m left {2}—/m,
    )
  })

  const at = 'experiments.dune.roles.production.deliver'
  const form =
    'not the absolute path of a file (letters, digits and . _ @ % + = : , ~ - only, no "..", "//" or "/./" in it, names of at most 255)'
  const known = [
    ...['Account', 'DesiredUID', 'Experiment', 'Role', 'Service'],
    ...['Purpose', 'Audience', 'AudienceHost', 'AudienceMd5'],
  ]
  const refused: Record<string, string> = {
    'path: token': `12:46 error ${at}.0.bearer.path, for dune_production: "token" is ${form}`,
    'path: /srv/../etc/x': `12:46 error ${at}.0.bearer.path, for dune_production: "/srv/../etc/x" is ${form}`,
    'path: /srv//x': `12:46 error ${at}.0.bearer.path, for dune_production: "/srv//x" is ${form}`,
    'path: /srv/./x': `12:46 error ${at}.0.bearer.path, for dune_production: "/srv/./x" is ${form}`,
    'path: /srv/': `12:46 error ${at}.0.bearer.path, for dune_production: "/srv/" is ${form}`,
    'path: "/srv/a b"': `12:46 error ${at}.0.bearer.path, for dune_production: "/srv/a b" is ${form}`,
    'path: "/srv/$(id)"': `12:46 error ${at}.0.bearer.path, for dune_production: "/srv/$(id)" is ${form}`,
    'path: "/srv/\\e[2J"': `12:46 error ${at}.0.bearer.path: expected a path with fields such as {{.Account}} and {{.AudienceHost}}, on one line`,
    'path: "/srv/{{.Node}}"': `12:46 error ${at}.0.bearer.path: unknown field {{.Node}}: only ${known.map((one) => `{{.${one}}}`).join(' ')} can stand here`,
    'path: "/srv/{{.Purpose}}"': `12:46 error ${at}.0.bearer.path, for dune_production, uses {{.Purpose}}: the token has no purpose — expected one`,
    'path: "/srv/{{.Audience}}"': `12:46 error ${at}.0.bearer.path, for dune_production, uses {{.Audience}}: the token has no audience — expected one, or each: true`,
    'path: "/srv/{{.AudienceMd5}}", audience: [x, y]': `12:46 error ${at}.0.bearer.path, for dune_production, uses {{.AudienceMd5}}: the token has 2 audiences — expected one, or each: true`,
    'path: "/srv/{{.AudienceMd5}}", audience: x': `12:46 error ${at}.0.bearer.path, for dune_production, uses {{.AudienceMd5}}: the audience x names no port — expected host:port, as Harvester has it`,
    'path: "/srv/{{.AudienceHost}}", audience: "urn:x:y"': `12:46 error ${at}.0.bearer.path, for dune_production, uses {{.AudienceHost}}: the audience urn:x:y names no host — expected host:port or a URL`,
    'audience: x, audiences: y': `12:28 error ${at}.0.bearer: audience and audiences are the same: expected one of them`,
    'each: true': `12:28 error ${at}.0.bearer: each makes one token for each audience, and there is none — expected audiences`,
    'newline: maybe': `12:49 error ${at}.0.bearer.newline is a text — expected true or false`,
    'format: xml': `12:48 error ${at}.0.bearer.format is none of the known words — expected one of "jwt", "json"`,
    'minimumLifetime: 7h': `12:57 error ${at}.0.bearer.minimumLifetime: no bearer token lives longer than 6h`,
    'minimumLifetime: 5': `12:57 error ${at}.0.bearer.minimumLifetime is the number 5 — expected a duration such as 300s, 1h30m or 3d`,
  }
  for (const [keys, message] of Object.entries(refused))
    it(`is refused as ${keys}`, (t) => {
      const told = problemsOf(t, siteText('', bearer(keys))).map(brief)
      assert.ok(told.includes(message), told.join('\n'))
    })

  it('never leaves its directory, whatever the audience is', () => {
    const hostile = fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9/._~@%+=:-]{0,60}$/),
      fc.constantFrom(
        'a/../../etc',
        'https://../..',
        'x://a:1/../..',
        'a..',
        'a:1',
        'https://user@host/..',
        '%2e%2e',
      ),
    )
    fc.assert(
      fc.property(hostile, (audience) => {
        fc.pre(someAudience.safeParse(audience).success)
        for (const [name, value] of Object.entries(fieldsOf({ audience: [audience] }))) {
          if (typeof value !== 'string') continue
          assert.match(value, /^[A-Za-z0-9._-]+$/, name)
          assert.doesNotMatch(value, /^\.*$/, name)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('two files in one place', () => {
  /** Another role of the experiment, from line 13 on. */
  const another = (keys: string) => `
      analysis:
        account: duneana
        desiredUIDOverride: 4712
        destinationNodes: [node1.lab.example, node2.lab.example]
        defaultRoleFileDestinationTemplateOverride: /tmp/other
        ${keys}`
  const clashes: Record<string, { role: string; more?: string; says: RegExp }> = {
    'of one role are refused, with both places': {
      role: 'deliver: [{bearer: {scopes: a, path: /srv/x}}, {bearer: {scopes: b, path: /srv/x}}]',
      says: /^12:77 error dune_production writes \/srv\/x on node1\.lab\.example as it does already \(\S+managedTokens\.yml:12:40\) — expected a path of its own for each$/,
    },
    'of one role’s audiences are refused': {
      role: bearer('audiences: [x, y], each: true, path: /srv/x'),
      says: /^12:71 error dune_production writes \/srv\/x on node1\.lab\.example as it does already \(\S+managedTokens\.yml:12:71\) — expected a field such as \{\{\.AudienceHost\}\} in it$/,
    },
    'of audiences that look alike once they are cleaned are refused': {
      role: bearer('audiences: ["x/y", "x:y"], each: true, path: "/srv/{{.Audience}}"'),
      says: /^12:\d+ error dune_production writes \/srv\/x_y on /,
    },
    'with the vault token are refused': {
      role: 'desiredUIDOverride: 4711\ndeliver: [vault, {bearer: {scopes: a, path: "/tmp/vt_u{{.DesiredUID}}"}}]',
      says: /^13:47 error dune_production writes \/tmp\/vt_u4711 on node1\.lab\.example as it does already \(\S+managedTokens\.yml:13:9\)/,
    },
    'with the vault token of an account whose UID is not known yet are refused': {
      role: 'deliver: [vault, {bearer: {scopes: a, path: "/tmp/vt_u{{.DesiredUID}}-{{.Service}}"}}]',
      says: /^12:47 error dune_production writes \/tmp\/vt_u<UID of dunepro>-dune_production on /,
    },
    'with jobsub’s role file are refused': {
      role: 'deliver: [{bearer: {scopes: a, path: "/tmp/jobsub_default_role_{{.Experiment}}_{{.DesiredUID}}"}}]',
      says: /^9:7 error dune_production writes \/tmp\/jobsub_default_role_dune_<UID of dunepro> on /,
    },
    'with a bearer token in its usual place are refused': {
      role: 'desiredUIDOverride: 4711\ndeliver: [{bearer: {scopes: a}}, {bearer: {scopes: b, path: /tmp/bt_u4711}}]',
      says: /^13:\d+ error dune_production writes \/tmp\/bt_u4711 on node1\.lab\.example as it does already \(\S+:13:20\)/,
    },
    'of two roles are refused where they have a node in common': {
      role: bearer('path: /srv/x'),
      more: another('deliver: [{bearer: {scopes: b, path: /srv/x}}]'),
      says: /^18:40 error dune_analysis writes \/srv\/x on node1\.lab\.example as dune_production does \(\S+managedTokens\.yml:12:40\) — expected a path of its own for each$/,
    },
    'that are another role’s vault token are refused': {
      role: 'deliver: [vault, {bearer: {scopes: a, path: /tmp/vt_u4712}}]',
      more: another('deliver: vault'),
      says: /^18:9 error dune_analysis writes \/tmp\/vt_u4712 on node1\.lab\.example as dune_production does \(\S+:12:47\)/,
    },
  }
  for (const [what, { role, more = '', says }] of Object.entries(clashes))
    it(what, (t) => {
      const told = problemsOf(t, `${siteText('', role).trimEnd()}${more}\n`).map(brief)
      assert.ok(
        told.some((one) => says.test(one)),
        told.join('\n'),
      )
    })

  it('on different nodes are none', (t) => {
    const elsewhere = another('deliver: [{bearer: {scopes: b, path: /srv/x}}]').replace(
      'node1.lab.example, ',
      '',
    )
    const { warnings } = load(t, `${siteText('', bearer('path: /srv/x')).trimEnd()}${elsewhere}\n`)
    assert.deepEqual(warnings, [])
  })
})

describe('the life that a consumer asks for', () => {
  it('is in what is asked for, with the time in which the next token comes', (t) => {
    const { site, warnings } = load(t, siteText('', bearer('minimumLifetime: 40m')))
    const [one] = site.entries[0]?.deliver.bearers ?? []
    assert.deepEqual([one?.minimumLifetime, one?.minSeconds], [2_400_000, 2_760])
    assert.deepEqual(warnings, [])
  })
  it('leaves a minSeconds alone that is longer than that', (t) => {
    const { site } = load(t, siteText('', bearer('minimumLifetime: 20m')))
    assert.equal(site.entries[0]?.deliver.bearers[0]?.minSeconds, 1_800)
  })
})

describe('transport local', () => {
  it('is for one node, the distributor’s own host', (t) => {
    const text = siteText('distributor: {transport: local}', '').replace(
      '[node1.lab.example]',
      '[a.example, b.example]',
    )
    assert.deepEqual(problemsOf(t, text).map(brief), [
      '11:27 error dune_production has 2 nodes, and its transport, local, writes on the distributor’s own host — expected that one alone',
    ])
  })

  it('needs no ticket for tokens of an issuer', (t) => {
    const text = `issuers: {iam: {url: "https://iam.example", clientId: c, clientSecretFile: /srv/secret}}
experiments:
  cms:
    emails: [cms@lab.example]
    roles:
      frontend:
        account: frontend
        destinationNodes: [frontend.lab.example]
        transportOverride: local
        tokenGetterOverride: oidc
        oidc: {issuer: iam, grant: client_credentials}
        deliver: [{bearer: {scopes: a}}]
`
    const { site, warnings } = load(t, text)
    const [entry] = site.entries
    assert.deepEqual([entry?.transport, entry?.principal, warnings], ['local', undefined, []])
  })

  it('is one host, whatever its roles call it', (t) => {
    const text = `${siteText('distributor: {transport: local}', bearer('path: /srv/x')).trimEnd()}
      analysis:
        account: duneana
        destinationNodes: [localhost]
        ${bearer('path: /srv/x')}
`
    assert.match(
      problemsOf(t, text).map(brief).join('\n'),
      /error dune_analysis writes \/srv\/x on the distributor’s own host as dune_production does/,
    )
  })
})
