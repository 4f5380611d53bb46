/** CONTRIBUTING.md leads through the code as it is: every place that it names is there, and every folder has its line. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')
const named = [...page.matchAll(/`([\w./-]+)`/g)].map(([, name = '']) => name)

it('CONTRIBUTING.md names files that are there', () => {
  const whole = named.filter((name) => /^(shared|services|cli|sandbox|test|deploy)\/.*\.\w+$/.test(name))
  assert.ok(whole.length > 20)
  assert.deepEqual(
    whole.filter((name) => !existsSync(join(root, name))),
    [],
  )
})

it('CONTRIBUTING.md names the other files by the end of their paths', () => {
  const files = globSync('{shared,services,cli,sandbox,bench,test,deploy}/**/*', { cwd: root })
  const short = named.filter((name) => /^\w.*\.(ts|sh)$/.test(name) && !existsSync(join(root, name)))
  assert.deepEqual(
    short.filter((name) => !files.some((file) => file.endsWith(`/${name}`))),
    [],
  )
})

it('CONTRIBUTING.md says the job of each folder', () => {
  const folders = ['shared', 'services'].flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile() && one.name.endsWith('.ts'))
      .map(({ parentPath }) => parentPath.slice(root.length + 1)),
  )
  const parts = new Set(folders.flatMap((folder) => folder.split('/').slice(1)))
  assert.deepEqual(
    [...parts].filter((part) => !named.includes(part)),
    [],
  )
})
