/** The order of the layers: what stands further right may import what stands further left, never the other way. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, it } from 'node:test'

const root = join(import.meta.dirname, '..')

/** From the left to the right; folders on one line never import each other. */
const layers: readonly (readonly string[])[] = [
  ['shared/release'],
  ['shared/contracts'],
  ['shared/config'],
  ['shared/https'],
  ['shared/telemetry'],
  ['shared/commands'],
  ['shared/bus'],
  ['shared/tokens'],
  ['shared/kerberos'],
  ['shared/vault'],
  ['shared/work'],
  ['shared/predecessor'],
  ['shared/daemon'],
  ['services/refresher', 'services/storer', 'services/distributor', 'services/notifier'],
  ['cli'],
  ['sandbox'],
  ['bench'],
  ['test'],
]

const folderOf = (file: string) => layers.flat().find((folder) => file.startsWith(`${folder}/`))
const placeOf = (folder: string) => layers.findIndex((line) => line.includes(folder))

/** `[importing file, imported file]`, types included. */
function importsOf(file: string): [string, string][] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.\.?\/[^']+)'/g)].map(([, path = '']) => [
    file,
    normalize(join(dirname(file), path)),
  ])
}

const tops = [...new Set(layers.flat().map((folder) => folder.split('/')[0]))]
const files = globSync(`{${tops.join(',')}}/**/*.ts`, { cwd: root })

describe('the layers', () => {
  it('have a place for every file', () => {
    assert.ok(files.length > 100)
    assert.deepEqual(
      files.filter((file) => !folderOf(file) && dirname(file) !== 'test'),
      [],
    )
  })

  it('import to the left alone', () => {
    const wrong = files.flatMap(importsOf).filter(([from, to]) => {
      const [a, b] = [folderOf(from), folderOf(to)]
      return a !== undefined && b !== undefined && a !== b && placeOf(b) >= placeOf(a)
    })
    assert.deepEqual(
      wrong.map(([from, to]) => `${from} imports ${to}`),
      [],
    )
  })

  it('have rooms of at most 14 files', () => {
    const rooms = Map.groupBy(
      files.filter((file) => /^(shared|services)\//.test(file)),
      dirname,
    )
    const full = [...rooms].filter(([, inside]) => inside.length > 14)
    assert.deepEqual(
      full.map(([room, inside]) => `${room}: ${inside.length}`),
      [],
    )
  })
})
