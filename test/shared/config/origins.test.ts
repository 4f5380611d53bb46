import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Entry } from '../../../shared/config/site.ts'
import { load, siteText } from './site-text.ts'

/** Keys that exist both at the top and as an override, with two good values each. */
const keys = {
  condorCollectorHost: {
    entry: 'collectors',
    global: ['c1.lab', ['c1.lab']],
    override: ['c2.lab', ['c2.lab']],
  },
  condorCreddHost: { entry: 'credds', global: ['d1.lab', ['d1.lab']], override: ['d2.lab', ['d2.lab']] },
  condorScheddConstraint: { entry: 'scheddConstraint', global: ['A', 'A'], override: ['B', 'B'] },
  vaultServer: { entry: 'vaultServer', global: ['v1.lab', 'v1.lab'], override: ['v2.lab', 'v2.lab'] },
  serviceCreddVaultTokenPathRoot: {
    entry: 'vaultTokenRoot',
    global: ['/one', '/one'],
    override: ['/two', '/two'],
  },
  defaultRoleFileDestinationTemplate: {
    entry: 'roleFileTemplate',
    global: ['/r/1', '/r/1'],
    override: ['/r/2', '/r/2'],
  },
  minTokenLifetime: { entry: 'minTokenLifetime', global: ['1d', '1d'], override: ['2d', '2d'] },
  sshOptions: { entry: 'sshOptions', global: ['-4', ['-4']], override: ['-6', ['-6']] },
  fileCopierOptions: { entry: 'fileCopierOptions', global: ['-a b', ['-a', 'b']], override: ['-z', ['-z']] },
  disableNotifications: { entry: 'disableNotifications', global: [true, true], override: [false, false] },
} as const satisfies Record<
  string,
  { entry: keyof Entry; global: readonly [unknown, unknown]; override: readonly [unknown, unknown] }
>
type Key = keyof typeof keys
const names = Object.keys(keys) as Key[]

test('whatever is set where, the override wins over the global value over the default, and the origin is its line', (t) => {
  const defaults = load(t, siteText()).site.entries[0]
  fc.assert(
    fc.property(fc.subarray(names), fc.subarray(names), (globals, overrides) => {
      const global = globals.map((key) => `${key}: ${JSON.stringify(keys[key].global[0])}`).join('\n')
      const role = overrides
        .map((key) => `${key}Override: ${JSON.stringify(keys[key].override[0])}`)
        .join('\n')
      // The file has its own collector, unless this case sets one.
      const text = siteText(global, role).replace(
        globals.includes('condorCollectorHost') ? 'condorCollectorHost: collector.lab.example\n' : '\0',
        '',
      )
      const lines = text.split('\n')
      const { site, origins } = load(t, text)
      const [entry] = site.entries
      for (const key of names) {
        const {
          entry: into,
          global: [, globalValue],
          override: [, overrideValue],
        } = keys[key]
        const origin = origins.get('dune_production')?.get(into)
        const line = origin?.line === undefined ? undefined : lines[origin.line - 1]?.trim()
        if (overrides.includes(key)) {
          assert.deepEqual([entry?.[into], origin?.source], [overrideValue, 'override'])
          assert.ok(line?.startsWith(`${key}Override:`), line)
        } else if (globals.includes(key) || key === 'condorCollectorHost') {
          assert.deepEqual(
            [entry?.[into], origin?.source],
            [globals.includes(key) ? globalValue : defaults?.[into], 'global'],
          )
          assert.ok(line?.startsWith(`${key}:`), line)
        } else {
          assert.deepEqual([entry?.[into], origin], [defaults?.[into], { source: 'default' }])
        }
      }
    }),
    { numRuns: 100 },
  )
})

test('what is rendered points at its template, what is written in the role at the role', (t) => {
  const origins = load(t, siteText()).origins.get('dune_production')
  assert.deepEqual(origins?.get('keytab'), { source: 'template', key: 'keytabPath', line: 1, column: 1 })
  assert.deepEqual(origins?.get('principal'), {
    source: 'template',
    key: 'kerberosPrincipalPattern',
    line: 2,
    column: 1,
  })
  assert.deepEqual(origins?.get('account'), {
    source: 'entry',
    key: 'experiments.dune.roles.production.account',
    line: 10,
    column: 9,
  })
  assert.deepEqual(origins?.get('desiredUid'), { source: 'default' })
})

test('every value of an entry has an origin', (t) => {
  const { site, origins } = load(
    t,
    siteText(
      'vaultServer: v.lab\ncondorScheddConstraint: A\ncondorCreddHost: d.lab',
      'desiredUIDOverride: 5',
    ),
  )
  for (const key of Object.keys(site.entries[0] ?? {}))
    assert.ok(origins.get('dune_production')?.has(key as keyof Entry), key)
})
