import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { explainService } from '../../../cli/explain.ts'
import { bearerPurpose, audience as someAudience, tokenScope } from '../../../shared/config/schema/grammar.ts'
import { siteJsonSchema } from '../../../shared/config/schema/json-schema.ts'
import { brief, load, problemsOf, siteText } from './site-text.ts'

interface Node {
  readonly const?: string
  readonly items?: Node
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: Node | boolean
  readonly anyOf?: readonly Node[]
}

const deliverOf = (t: Parameters<typeof load>[0], role: string, extra = '') => {
  const { site, warnings } = load(t, siteText(extra, role))
  return { deliver: site.entries[0]?.deliver, warnings: warnings.map(brief) }
}

describe('deliver', () => {
  it('is the vault token alone where it is left out', (t) => {
    assert.deepEqual(deliverOf(t, ''), { deliver: { vault: true, bearers: [] }, warnings: [] })
  })

  it('takes the vault token, bearer tokens, or both, with defaults', (t) => {
    const bearer = { scopes: ['compute.read', 'storage.read:/dune'], audience: [], minSeconds: 1_800 }
    const both = 'deliver: [vault, {bearer: {scopes: compute.read storage.read:/dune}}]'
    assert.deepEqual(deliverOf(t, both).deliver, { vault: true, bearers: [bearer] })
    const alone = `deliver:
  - bearer: {scopes: [compute.read], audience: https://dcache.example, minSeconds: 3600}
  - BEARER: {Scopes: [storage.read:/], purpose: stash}`
    assert.deepEqual(deliverOf(t, alone), {
      deliver: {
        vault: false,
        bearers: [
          { scopes: ['compute.read'], audience: ['https://dcache.example'], minSeconds: 3_600 },
          { scopes: ['storage.read:/'], audience: [], minSeconds: 1_800, purpose: 'stash' },
        ],
      },
      warnings: [],
    })
    assert.deepEqual(deliverOf(t, 'deliver: vault').deliver, { vault: true, bearers: [] })
  })

  it('is explained with its line', (t) => {
    const { site, origins } = load(t, siteText('', 'deliver: [vault, {bearer: {scopes: a, audience: b}}]'))
    const { text } = explainService(site, origins, 'dune_production')
    assert.match(text, /^ {2}deliver +vault, bearer \(a for b\) {2}— deliver \(.*:12\)$/m)
  })

  it('is known to the JSON Schema, with its keys and no others', () => {
    const { experiments } = siteJsonSchema().properties as { experiments: { additionalProperties: Node } }
    const { roles } = experiments.additionalProperties.properties as { roles: { additionalProperties: Node } }
    const { deliver } = roles.additionalProperties.properties as { deliver: Node }
    const [word, map] = deliver.anyOf?.[0]?.items?.anyOf ?? []
    assert.equal(word?.const, 'vault')
    const bearer = map?.properties?.bearer
    assert.deepEqual(Object.keys(bearer?.properties ?? {}), [
      ...['scopes', 'audience', 'audiences', 'each', 'minSeconds', 'purpose'],
      ...['path', 'newline', 'format', 'minimumLifetime'],
    ])
    assert.deepEqual([map?.additionalProperties, bearer?.additionalProperties], [false, false])
    assert.deepEqual(bearer?.required, ['scopes'])
  })

  const at = 'experiments.dune.roles.production.deliver'
  const refused: Record<string, string> = {
    'deliver: []': `12:18 error ${at} is a list — expected at least one of vault and bearer, or leave the key out`,
    'deliver: [valt]': `12:19 error ${at}.0: did you mean "vault"? ("valt" is not known)`,
    'deliver: [bearer]': `12:19 error ${at}.0: expected vault, or bearer: with scopes`,
    'deliver: [7]': `12:19 error ${at}.0: expected vault, or bearer: with scopes`,
    'deliver: {bearer: {scopes: a}}': `12:18 error ${at} is a map — expected a list`,
    'deliver: [{baerer: {scopes: a}}]': `12:20 error unknown key "baerer" in ${at}.0 — did you mean "bearer"?`,
    'deliver: [{bearer: {scops: a}}]': `12:29 error unknown key "scops" in ${at}.0.bearer — did you mean "scopes"?`,
    'deliver: [{bearer: {audience: a}}]': `12:20 error "scopes" is missing in ${at}.0.bearer — expected a list`,
    'deliver: [{bearer: {scopes: []}}]': `12:37 error ${at}.0.bearer.scopes is a list — expected at least one scope: a bearer token carries what is named here and nothing else`,
    'deliver: [{bearer: {scopes: [--minsecs=1]}}]': `12:38 error ${at}.0.bearer.scopes.0: "--minsecs=1" is not a scope (such as compute.read or storage.read:/path)`,
    'deliver: [{bearer: {scopes: a, audience: ["x y"]}}]': `12:51 error ${at}.0.bearer.audience.0: "x y" is not an audience (a URL or a name)`,
    'deliver: [{bearer: {scopes: a, minSeconds: 5}}]': `12:52 error ${at}.0.bearer.minSeconds is the number 5 — expected at least 60`,
    'deliver: [{bearer: {scopes: a, purpose: ../x}}]': `12:49 error ${at}.0.bearer.purpose: "../x" is not a purpose (letters, digits, "_", "-" and "." between them)`,
    'deliver: [{bearer: {scopes: a}}, {bearer: {scopes: b}}]': `12:18 error ${at}: two bearer tokens have the same file — expected a purpose of its own for each`,
  }
  for (const [role, message] of Object.entries(refused))
    it(`is refused as ${role}`, (t) => {
      const told = problemsOf(t, siteText('', role)).map(brief)
      assert.ok(told.includes(message), told.join('\n'))
    })

  it('is warned of where a bearer token may end before the next one is there, with the sum', (t) => {
    assert.deepEqual(deliverOf(t, 'deliver: [{bearer: {scopes: a, minSeconds: 300}}]').warnings, [
      '12:9 warning a bearer token of dune_production may end before the next one is there: it is renewed with 5m left, and that takes up to 1m + globalTimeout 5m = 6m — expected minSeconds of at least 360',
    ])
  })

  it('is warned of where nothing renews a bearer token', (t) => {
    assert.deepEqual(deliverOf(t, 'deliver: [{bearer: {scopes: a}}]', 'schedule: {cron: false}').warnings, [
      '12:9 warning dune_production has bearer tokens, which the schedule renews, and schedule.cron is false — expected a run of it at least every 30m',
    ])
  })

  it('is warned of where two entries write the same bearer token', (t) => {
    const second = `deliver: [{bearer: {scopes: a}}]
  dune-2:
    emails: [dune@lab.example]
    experimentOverride: dune
    roles:
      analysis:
        account: dunepro
        destinationNodes: [node1.lab.example]
        defaultRoleFileDestinationTemplateOverride: /tmp/other
        deliver: [{bearer: {scopes: b}}]`.replace(/^ {2}/gm, '')
    const text = siteText('', '').trimEnd()
    const { warnings } = load(
      t,
      `${text}\n        ${second.split('\n')[0]}\n${second
        .split('\n')
        .slice(1)
        .map((line) => `  ${line}`)
        .join('\n')}\n`,
    )
    assert.equal(warnings.length, 1)
    assert.match(
      warnings[0]?.message ?? '',
      /write the same files on node1\.lab\.example \(\/tmp\/bt_u<UID of dunepro>\)/,
    )
  })
})

describe('scopes, audiences and purposes', () => {
  for (const [name, grammar] of Object.entries({
    scope: tokenScope,
    audience: someAudience,
    purpose: bearerPurpose,
  }))
    it(`an accepted ${name} is no option, ends no word, no list and no directory`, () => {
      const text = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 20 }),
        fc.stringMatching(/^[-a-z.,:/ ]{1,8}$/),
        fc.constantFrom('--x', 'a,b', 'a b', '../x', 'storage.read:/../x', 'a\n', '$(x)'),
      )
      fc.assert(
        fc.property(text, (one) => {
          if (!grammar.safeParse(one).success) return
          assert.match(one, /^[A-Za-z0-9][^\s,'"`;|&$\\\p{Cc}]*$/u)
          assert.ok(name !== 'purpose' || !one.includes('/'))
        }),
        { numRuns: 2_000 },
      )
    })
  it('are what WLCG writes', () => {
    for (const scope of [
      'compute.create',
      'storage.read:/dune/scratch',
      'wlcg.groups:/dune/production',
      'openid',
    ])
      assert.ok(tokenScope.safeParse(scope).success, scope)
    for (const one of ['https://wlcg.cern.ch/jwt/v1/any', 'fndca1.fnal.gov:8447', 'ANY'])
      assert.ok(someAudience.safeParse(one).success, one)
  })
})
