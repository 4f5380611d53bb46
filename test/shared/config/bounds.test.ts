/** No file costs more than its size: sixteen times the lines take sixteen times as long, and a few lines never stand for billions. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { truncateSync } from 'node:fs'
import { describe, it } from 'node:test'
import { loadSite, loadSiteFrom } from '../../../shared/config/load.ts'
import { ConfigError } from '../../../shared/config/read/problem.ts'
import { assertLinear } from '../../support/cost.ts'
import { noEnvironment, problemsOf, siteText, writeSite } from './site-text.ts'

const times = (count: number, one: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => one(index))
const nodes = (list: string) => siteText().replace('[node1.lab.example]', list)
const experiment = (name: string, role: string) =>
  `  ${name}:\n    emails: [a@lab.example]\n    roles: ${role}\n`

/** Texts of `n` lines, or words; and how many show a cost that grows faster than they do. */
const texts: Readonly<Record<string, [few: number, text: (n: number) => string]>> = {
  nodes: [2_500, (n) => nodes(`"${times(n, (one) => `n${one}.lab.example`).join(' ')}"`)],
  'keys that nobody knows': [250, (n) => siteText(times(n, (one) => `unheard${one}: 1`).join('\n'))],
  'experiments without anything': [
    200,
    (n) => `${siteText()}\n${times(n, (one) => `  e${one}:`).join('\n')}`,
  ],
  'experiments with an alias each': [
    60,
    (n) =>
      `${siteText()}\n${times(n, (one) => experiment(`e${one}`, one === 0 ? '&roles { production: { account: a } }' : '*roles')).join('')}`,
  ],
  'blanks in a text of two lines': [
    20_000,
    (n) => siteText(`condorScheddConstraint: "a${' '.repeat(n)}b\\tc"`),
  ],
  'braces that open': [
    5_000,
    (n) => siteText(`kerberosPrincipalPattern: "${'{{'.repeat(n)}"`).replace(/^kerberos.*robot.*\n/m, ''),
  ],
  'quotes that open': [1_000, (n) => siteText().replace('dune@lab.example', `'${'"\\'.repeat(n)}'`)],
  'aliases that lead nowhere': [400, (n) => nodes(`[${times(n, (one) => `*nowhere${one}`).join(', ')}]`)],
}

/** Reads it, whatever comes of it. */
function readAnyhow(bytes: Buffer): void {
  try {
    loadSiteFrom('site.yml', bytes, noEnvironment)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
  }
}

describe('a configuration', () => {
  for (const [what, [few, text]] of Object.entries(texts))
    it(`costs no more than its size: ${what}`, () => {
      assertLinear(few, (n) => {
        const bytes = Buffer.from(text(n))
        return () => readAnyhow(bytes)
      })
    })

  const refused: Readonly<Record<string, [text: string, message: RegExp]>> = {
    'lists that stand for billions of nodes': [
      nodes('[]') +
        times(20, (one) =>
          experiment(
            `e${one}`,
            one === 0
              ? `&roles {${times(1_000, (role) => `r${role}: ${role === 0 ? `&role { account: a, destinationNodes: [${times(100, (node) => `n${node}.lab.example`)}] }` : '*role'}`)}}`
              : '*roles',
          ),
        ).join(''),
      /the file says too much/,
    ],
    'maps that merge each other, twenty thousand deep': [
      `${times(20_000, (one) => `k${one}: &a${one} { ${one === 0 ? '' : `<<: *a${one - 1}, `}x${one}: 1 }`).join('\n')}\nexperiments: *a19999`,
      /the file says too much/,
    ],
    'a second document behind a line of marks': [
      `${siteText()}\n---\n${'#'.repeat(10_000)}\nx: 1`,
      /a second document starts here/,
    ],
    'lists in lists without end': [`x: ${'['.repeat(100_000)}`, /too many maps and lists inside each other/],
    'maps in maps without end': [
      `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`,
      /too many maps and lists/,
    ],
  }
  for (const [what, [text, message]] of Object.entries(refused))
    it(`is refused in a sentence: ${what}`, (t) =>
      assert.match(problemsOf(t, text)[0]?.message ?? '', message))

  it('is refused in a sentence where it is larger than any site’s', (t) => {
    const file = writeSite(t, siteText())
    truncateSync(file, 5 * 1024 * 1024)
    assert.throws(() => loadSite(file, noEnvironment), /5242880 bytes, more than the 4194304/)
  })

  it('is refused in a sentence where it is a pipe, without waiting for a writer', (t) => {
    const file = `${writeSite(t, siteText())}.fifo`
    execFileSync('mkfifo', [file])
    assert.throws(() => loadSite(file, noEnvironment), /a pipe, a socket or a device/)
  })
})
