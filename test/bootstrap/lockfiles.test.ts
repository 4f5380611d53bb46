/** `npm ci` takes the lockfiles on every platform, from every registry: all that any package may ask for is in them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'

type Names = Readonly<Record<string, string>>

interface Locked {
  readonly dependencies?: Names
  readonly devDependencies?: Names
  readonly optionalDependencies?: Names
  readonly peerDependencies?: Names
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
  readonly optional?: boolean
  readonly integrity?: string
  readonly resolved?: string
}

type Lock = Readonly<Record<string, Locked>>

const root = join(import.meta.dirname, '../..')
const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'))
const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'] as const

function* askedBy(one: Locked): Generator<string> {
  for (const kind of kinds) yield* Object.keys(one[kind] ?? {})
  for (const name of Object.keys(one.peerDependencies ?? {}))
    if (!one.peerDependenciesMeta?.[name]?.optional) yield name
}

/** Where `name` may lie for the package at `place`: beside it, or beside whatever it lies in. */
function* placesOf(name: string, place: string): Generator<string> {
  for (let from = place; from !== ''; from = from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))))
    yield `${from}/node_modules/${name}`
  yield `node_modules/${name}`
}

/** What is asked for and has no entry, as `who -> what`. `npm ci` refuses a lockfile with one of them. */
const missingFrom = (lock: Lock) =>
  Object.entries(lock).flatMap(([place, one]) =>
    [...askedBy(one)]
      .filter((name) => ![...placesOf(name, place)].some((candidate) => candidate in lock))
      .map((name) => `${place || 'the project'} -> ${name}`),
  )

for (const folder of ['.', 'bootstrap/node-runtime'])
  describe(`package-lock.json in ${folder}`, () => {
    const lock: Lock = read(`${folder}/package-lock.json`).packages
    const manifest: Locked = read(`${folder}/package.json`)

    it('has every package that one of its packages asks for, those of other platforms too', () => {
      assert.deepEqual(missingFrom(lock), [])
    })

    it('would be found wanting without any one of those', () => {
      const optional = Object.keys(lock).filter((place) => lock[place]?.optional)
      assert.ok(optional.length > 1)
      for (const place of optional) {
        const { [place]: _gone, ...rest } = lock
        assert.notDeepEqual(missingFrom(rest), [], place)
      }
    })

    it('asks for what package.json asks for', () => {
      for (const kind of kinds) assert.deepEqual(lock['']?.[kind], manifest[kind])
    })

    it('holds the hash of every package, and no registry', () => {
      for (const [place, one] of Object.entries(lock)) {
        assert.equal(one.resolved, undefined, place)
        if (place) assert.match(one.integrity ?? '', /^sha512-/, place)
      }
    })
  })
