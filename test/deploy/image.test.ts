/** The image holds all that the daemons and the command line load, and runs them as nobody special. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, it } from 'node:test'
import manifest from '../../package.json' with { type: 'json' }
import { daemons } from '../../shared/contracts/subjects.ts'
import { compose, read, root } from './compose-file.ts'

const dockerfile = read('Dockerfile')
const copied = [...dockerfile.matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, names = '']) => names.split(' '))

/** Every file and package that running `files` may load. */
function loadedBy(files: readonly string[]): { files: Set<string>; packages: Set<string> } {
  const loaded = { files: new Set<string>(), packages: new Set<string>() }
  const waiting = [...files]
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (loaded.files.has(file)) continue
    loaded.files.add(file)
    if (!file.endsWith('.ts')) continue
    for (const name of importsOf(readFileSync(file, 'utf8')))
      if (name.startsWith('.')) waiting.push(join(dirname(file), name))
      else if (!name.startsWith('node:'))
        loaded.packages.add(name.split('/', name.startsWith('@') ? 2 : 1).join('/'))
  }
  return loaded
}

/** Types are gone when the code runs. */
const importsOf = (text: string) =>
  [...text.matchAll(/^(?:import|export|\} from|.*await import\()(?! type)(?:.*from )?[ (]*'([^']+)'/gm)].map(
    ([, name = '']) => name,
  )

describe('Dockerfile', () => {
  const mains = daemons.map((daemon) => `services/${daemon}/main.ts`)
  const { files, packages } = loadedBy(
    [...mains, 'cli/main.ts', 'cli/probe.ts'].map((file) => join(root, file)),
  )

  it('copies every file that is loaded, past .dockerignore', () => {
    assert.ok(files.size > 100, 'the imports were followed')
    const kept = [...read('.dockerignore').matchAll(/^!(\S+)$/gm)].map(([, name]) => name)
    for (const file of files) {
      const [top = ''] = relative(root, file).split('/')
      assert.ok(copied.includes(top), `${relative(root, file)} is copied`)
      assert.ok(kept.includes(top), `${top} is not ignored`)
    }
  })

  it('installs every package that is loaded', () => {
    assert.ok(packages.size > 10, 'the imports were followed')
    for (const name of packages) assert.ok(name in manifest.dependencies, `${name} is a dependency`)
  })

  it('has a pinned Node that is new enough, and does not run as root', () => {
    assert.match(dockerfile, /^FROM node:(\d+)\.\d+\.\d+-\w+-slim$/m)
    assert.ok(Number(/^FROM node:(\d+)/m.exec(dockerfile)?.[1]) >= 24)
    assert.match(dockerfile, /^USER managed-tokens$/m)
  })

  it('has the user that compose.yaml starts each daemon as, and no other is in two containers', () => {
    for (const daemon of daemons) {
      const [uid = '', gid = ''] = compose.services[daemon]?.user?.split(':') ?? []
      assert.match(dockerfile, new RegExp(`--uid ${uid} --gid managed-tokens .* managed-tokens-${daemon}\\b`))
      assert.match(dockerfile, new RegExp(`--gid ${gid} managed-tokens\\b`))
    }
    assert.equal(new Set(daemons.map((daemon) => compose.services[daemon]?.user)).size, daemons.length)
  })

  it('has the version of the package in compose.yaml', () => {
    assert.ok(read('compose.yaml').includes(`image: managed-tokens:${manifest.version}`))
  })
})
