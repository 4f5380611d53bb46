/** Packages as they are built by whoever ships them: of this tree, of it in another directory, and of the commit before. */
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { copyDebian, type FreshDebian, makeFreshDebian } from './fresh-debian.ts'
import { goProgram, run } from './real-programs.ts'

const root = join(import.meta.dirname, '..', '..', '..')

export const kinds = ['deb', 'rpm'] as const
export type Kind = (typeof kinds)[number]
export type Packages = Readonly<Record<Kind, string>>

/** Both, of the tree in `tree`. */
export function buildBoth(tree: string, output: string, number: number): Packages {
  for (const kind of kinds) buildPackage(tree, kind, ['--output', output, '--release', String(number)])
  const find = (kind: Kind) => join(output, readdirSync(output).find((name) => name.endsWith(kind)) ?? '')
  return { deb: find('deb'), rpm: find('rpm') }
}

/** Says what the command says. */
export const buildPackage = (
  tree: string,
  kind: Kind,
  words: readonly string[],
  env: NodeJS.ProcessEnv = {},
) =>
  run(process.execPath, [join(tree, 'deploy/package/main.ts'), kind, ...words], {
    cwd: tree,
    env: { ...process.env, NFPM: goProgram('nfpm'), ...env },
  })

/** This tree as it lies here, in another clone, with the programs that are installed here. */
export function copyTree(directory: string): void {
  cloneInto(directory)
  for (const file of run('git', ['-C', root, 'ls-files', '-z']).split('\0'))
    if (file && existsSync(join(root, file))) cpSync(join(root, file), join(directory, file))
}

/** The commit before, in another clone. Where it makes no packages, or other npm packages are needed for it, says so, and makes nothing. */
export function checkOutBefore(directory: string): string | undefined {
  cloneInto(directory)
  try {
    run('git', ['-C', directory, 'checkout', '--quiet', 'HEAD^'])
  } catch {
    return 'this clone does not have the commit before'
  }
  if (!existsSync(join(directory, 'deploy/package/main.ts'))) return 'the commit before makes no packages'
  const pins = ['package-lock.json', 'bootstrap/node-runtime/package.json']
  const read = (tree: string) => pins.map((file) => readFileSync(join(tree, file), 'utf8')).join()
  return read(directory) === read(root) ? undefined : 'the commit before has other npm packages'
}

function cloneInto(directory: string): void {
  run('git', ['clone', '--quiet', '--no-hardlinks', root, directory])
  for (const name of ['node_modules', '.node'])
    if (existsSync(join(root, name))) symlinkSync(join(root, name), join(directory, name))
}

/** What the tests themselves need there: the stand-in for htgettoken, and whoever reads manual pages and completes. */
const ofTests = ['curl', 'man-db', 'zsh']

/** Debians in which all is there that the package depends on, and recommends. The first one of a kind is made with the network. */
export async function makeDebianFor(deb: string): Promise<FreshDebian> {
  const named = ['Depends', 'Recommends'].map((field) => run('dpkg-deb', ['--field', deb, field])).join()
  const wanted = named.split(/[,|]/).map((one) => one.replace(/\(.*/, '').trim())
  const packages = [...new Set([...wanted, ...ofTests])].filter(Boolean).sort()
  const hash = createHash('sha256').update(packages.join()).digest('hex').slice(0, 12)
  const original = join(root, '.interop', `bookworm-with-${hash}`)
  if (!existsSync(original)) await install(packages, original)
  return copyDebian(original)
}

async function install(packages: readonly string[], original: string): Promise<void> {
  await using debian = makeFreshDebian()
  const script = `export DEBIAN_FRONTEND=noninteractive
for pause in 5 20 60 0; do
  if apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}; then apt-get clean; exit 0; fi
  sleep $pause
done
exit 1`
  const { exitCode, output } = await debian.run(script, { timeoutMs: 45 * 60_000 })
  if (exitCode !== 0)
    throw new Error(`what the package depends on could not be installed:\n${output.slice(-4_000)}`)
  mkdirSync(join(root, '.interop'), { recursive: true })
  run('sh', ['-euc', 'rm -rf "$1.new"; cp -a "$0" "$1.new"; mv -T "$1.new" "$1"', debian.directory, original])
}
