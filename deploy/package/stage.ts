/** The files of a package, in a directory as they will be on a machine. */
import { execFileSync } from 'node:child_process'
import { lutimesSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { placePackages, productionPackages } from './node-modules.ts'
import { placeNode } from './node-runtime.ts'
import type { Kind } from './options.ts'
import { makeDirectory, placeFile, placeMoved, placeText } from './place.ts'
import type { Release } from './release.ts'
import { sizeBelow } from './size.ts'

export const name = 'managed-tokens-daemons'
/** Where everything is that belongs nowhere else. */
const home = 'usr/lib/managed-tokens'
/** Where the files in deploy/ say that this program is. */
const documented = '/opt/managed-tokens-daemons'

/** Beside the sources: what they read, and what an operator copies or looks up. */
const besides = [
  ...['package.json', 'CHANGELOG.md', 'bin/managed-tokens', 'docs/*.md', 'deploy/managedTokens.yml'],
  ...['deploy/nats', 'deploy/logrotate', 'deploy/grafana', 'deploy/prometheus'],
]

/** Returns how many bytes Node's distribution and the npm packages have in full. */
export function stage(root: string, directory: string, release: Release, kind: Kind): number {
  const at = (path: string) => join(directory, path)
  for (const file of tracked(root, ['services', 'shared', 'cli', ...besides]))
    placeFile(join(root, file), at(join(home, file)))
  placeText(`${release.commit}\n`, at(join(home, 'COMMIT')))
  placePackages(root, at(home))
  const node = placeNode(root, at(join(home, 'bin/node')), at(join(home, 'LICENSE.node')))
  placeOwn(at)
  placeUnits(root, at)
  placeManual(root, at)
  placeCompletion(root, at, kind)
  makeDirectory(at('usr/bin'))
  symlinkSync('../lib/managed-tokens/bin/managed-tokens', at('usr/bin/managed-tokens'))
  makeOfOneTime(directory, release.dateSeconds)
  return (
    sizeBelow(node) + productionPackages(root).reduce((sum, path) => sum + sizeBelow(join(root, path)), 0)
  )
}

/** What only packages have. */
function placeOwn(at: (path: string) => string): void {
  const files = {
    'with-node': `${home}/bin/with-node`,
    'sysusers.conf': `usr/lib/sysusers.d/${name}.conf`,
    'tmpfiles.conf': `usr/lib/tmpfiles.d/${name}.conf`,
  }
  for (const [file, to] of Object.entries(files)) placeFile(join(import.meta.dirname, 'files', file), at(to))
}

/** The bus has a package, and a unit, of its own: ours is for whoever wants it. */
function placeUnits(root: string, at: (path: string) => string): void {
  const folder = 'deploy/systemd'
  for (const file of tracked(root, [folder])) {
    const ofBus = file === `${folder}/nats-server.service`
    const target = ofBus ? join(home, file) : `usr/lib/systemd/system${file.slice(folder.length)}`
    placeMoved(join(root, file), documented, `/${home}`, at(target))
  }
}

/** Made from the same texts as --help and the schema of the configuration. */
function placeManual(root: string, at: (path: string) => string): void {
  const pages = mkdtempSync(join(tmpdir(), 'managed-tokens-manual-'))
  try {
    execFileSync(process.execPath, [join(root, 'cli/manual/main.ts'), pages], { stdio: 'inherit' })
    for (const page of readdirSync(pages))
      placeText(
        gzipSync(readFileSync(join(pages, page)), { level: 9 }),
        at(`usr/share/man/man${page.at(-1)}/${page}.gz`),
      )
  } finally {
    rmSync(pages, { recursive: true })
  }
}

/** Where each system's shells look. */
const zshDirectory: Readonly<Record<Kind, string>> = { deb: 'vendor-completions', rpm: 'site-functions' }

function placeCompletion(root: string, at: (path: string) => string, kind: Kind): void {
  const from = join(root, 'cli/completion/managed-tokens')
  placeFile(`${from}.bash`, at('usr/share/bash-completion/completions/managed-tokens'))
  placeFile(`${from}.zsh`, at(`usr/share/zsh/${zshDirectory[kind]}/_managed-tokens`))
}

/** What git knows of, as it lies in the working tree. */
const tracked = (root: string, paths: readonly string[]) =>
  execFileSync('git', ['-C', root, 'ls-files', '-z', '--', ...paths], { encoding: 'utf8' })
    .split('\0')
    .filter(Boolean)

function makeOfOneTime(directory: string, seconds: number): void {
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' }))
    lutimesSync(join(directory, path), seconds, seconds)
}
