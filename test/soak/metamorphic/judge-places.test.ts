/** What the soak takes for a wrong or an older token: it has to see each, and nothing else. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judgePlaces } from './judge-places.ts'
import type { Place, Seen } from './observe.ts'

const node: Place = { path: '/n/vt', name: 'node:/tmp/vt', service: 'dune_production', kind: 'node' }
const credd: Place = { path: '/c/top', name: 'credd', service: 'dune_production', kind: 'credd' }
const issued = new Map(
  ['dune_production', 'dune_production', 'nova_analysis'].map((service, number) => [
    `t${number}`,
    { service, number },
  ]),
)
const known = {
  issued,
  runOf: new Map([
    ['t0', 'R2'],
    ['t1', 'R1'],
  ]),
  planted: [{ path: node.path, from: 10_000, until: 12_000 }],
}
const at = (place: Place, ...contents: (string | undefined)[]): Seen[] =>
  contents.map((content, index) => ({ place, at: index, content }))
const top = (token: string) => JSON.stringify({ vault_token: token })

const cases: Record<string, { readonly seen: Seen[]; readonly found?: RegExp }> = {
  'nothing, a token, and nothing again are well': { seen: at(node, undefined, 't0\n', undefined) },
  'a newer run’s token is well, whenever it was made': { seen: at(node, 't1\n', 't0\n') },
  'an older run’s token is not, whenever it was made': {
    seen: at(node, 't0\n', 't1\n'),
    found: /older token.*R1 after R2/,
  },
  'nor after the file was gone': { seen: at(node, 't0\n', undefined, 't1\n'), found: /older token/ },
  'a token of another service is not': { seen: at(node, 't2\n'), found: /a token of nova_analysis/ },
  'half a token is not': { seen: at(node, 't'), found: /half a token/ },
  'a token without its newline is not': { seen: at(node, 't0'), found: /half a token/ },
  'an empty file is not': { seen: at(node, ''), found: /half a token/ },
  'what somebody planted is theirs': { seen: [{ place: node, at: 11_000, content: 'theirs\n' }] },
  'what nobody planted is not': {
    seen: [{ place: node, at: 20_000, content: 'theirs\n' }],
    found: /nobody issued/,
  },
  'a credd’s later token is well': { seen: at(credd, top('t0'), top('t1')) },
  'a credd’s earlier one is not': { seen: at(credd, top('t1'), top('t0')), found: /older token/ },
  'a credd’s file that is no credential is not': { seen: at(credd, '{}'), found: /half a token/ },
}

describe('of what was seen where tokens lie', () => {
  for (const [name, { seen, found }] of Object.entries(cases))
    it(name, () => {
      const problems = judgePlaces(seen, known)
      if (found) assert.match(problems.join(), found)
      else assert.deepEqual(problems, [])
    })
})
