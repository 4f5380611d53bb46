import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judge, type SeenFile } from '../../../../services/distributor/removal/judge.ts'

const [short, own, bearer] = ['/tmp/vt_u1', '/tmp/vt_u1-dune_production', '/tmp/bt_u1']
const file = (path: string, digest: string, prints: string[] = [], mode = '400'): SeenFile => ({
  ...{ path, prints, seen: { kind: 'file', mode, digest } },
})
const rules = {
  matches: (digest: string, prints: readonly string[]) => prints.includes(`print of ${digest}`),
  isOwnName: (path: string) => path === own,
}
const link: SeenFile = { path: short, prints: ['print of a'], seen: { kind: 'other', what: 'symbolic link' } }

const table: Record<string, [SeenFile[], removed: string[], left: RegExp[]]> = {
  'what was put there is': [
    [file(short, 'a', ['print of a']), file(bearer, 'b', ['print of x', 'print of b'])],
    [short, bearer],
    [],
  ],
  'what another service of the account has put there since is not': [
    [file(short, 'other', ['print of a']), file(own, 'a', ['print of a'])],
    [own],
    [/vt_u1 holds something else/],
  ],
  'a link is not': [[link], [], [/vt_u1 is not ours \(symbolic link\)/]],
  'what is not there is not': [[{ path: own, prints: [], seen: { kind: 'absent' } }], [], []],
  'where nothing is known, a managed token under the service’s own name is, and its copy': [
    [file(short, 'a'), file(own, 'a'), file(bearer, 'b')],
    [own, short],
    [/bt_u1 is not known to be of this service/],
  ],
  'where nothing is known, a file that somebody may write to is not': [
    [file(own, 'a', [], '600')],
    [],
    [/is not known to be of this service/],
  ],
}

describe('what is removed from a node', () => {
  for (const [what, [files, removed, left]] of Object.entries(table))
    it(what, () => {
      const found = judge(files, rules)
      assert.deepEqual(
        found.remove.map(({ path }) => path),
        removed,
      )
      assert.equal(found.left.length, left.length, found.left.join())
      for (const [index, text] of left.entries()) assert.match(found.left[index] ?? '', text)
    })
})
