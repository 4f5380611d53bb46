/** The npm packages that the daemons run with, without what Node never loads of them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { placeFile } from './place.ts'

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>
}

/** Their places below `root`, from the lockfile; optional ones of other platforms are not there. */
export function productionPackages(root: string): string[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock
  return Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && !dev && existsSync(join(root, path)))
    .map(([path]) => path)
}

export function placePackages(root: string, target: string): void {
  for (const path of productionPackages(root))
    for (const file of filesOf(join(root, path)))
      if (isNeeded(join(path, file))) placeFile(join(root, path, file), join(target, path, file))
}

/** All files of a package, without the packages in it. */
function filesOf(directory: string, folder = ''): string[] {
  return readdirSync(join(directory, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesOf(directory, path)
    return entry.isFile() ? [path] : []
  })
}

/** Node runs no TypeScript there; maps and prose are for people. */
const unread = /(?:\.(?:[cm]?tsx?|map|md|markdown|flow|tsbuildinfo|ya?ml|proto)|\/\.[^/]+)$/i
/** Has to go along, whatever its form. */
const licence = /\/(?:licen[cs]e|copying|notice|authors|copyright)[^/]*$/i
/** Folders of tests, examples and the like, right in a package. */
const unrun =
  /^node_modules\/(?:@[^/]+\/)?[^/]+\/(?:tests?|__tests__|docs?|examples?|bench(?:marks?)?|coverage|\.github)\//
/** For bundlers and browsers: neither `exports` nor `main` of these packages leads there; types are none to run. */
const unreached =
  /^node_modules\/(?:@opentelemetry\/[^/]+\/build\/es(?:m|next)|protobufjs\/(?:dist|cli)|bintrees\/dist|@types)\//

/** Whether a file may be loaded at run time, or has to go along. Pure. */
export const isNeeded = (path: string) =>
  !unreached.test(path) && (licence.test(path) || !(unrun.test(path) || unread.test(path)))
