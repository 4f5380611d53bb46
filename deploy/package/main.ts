/**
 * `npm run package -- rpm|deb`: one package with all that the daemons run with, from this working tree. The same commit makes
 * the same bytes wherever it is built.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GiveUp } from './give-up.ts'
import { findNfpm, runNfpm } from './nfpm.ts'
import { describePackage } from './nfpm-config.ts'
import { type Options, readOptions, usage } from './options.ts'
import { readRelease } from './release.ts'
import { formatBytes, sizeBelow } from './size.ts'
import { stage } from './stage.ts'

const root = join(import.meta.dirname, '..', '..')

try {
  const options = readOptions(process.argv.slice(2))
  if (options) build(options)
  else process.stdout.write(usage)
} catch (error) {
  if (!(error instanceof GiveUp)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = error.exitCode
}

function build({ kind, output, number, signing }: Options): void {
  const nfpm = findNfpm(root)
  const release = readRelease(root, number)
  const directory = mkdtempSync(join(tmpdir(), 'managed-tokens-package-'))
  try {
    const files = join(directory, 'files')
    const whole = stage(root, files, release, kind)
    const configuration = describePackage({
      ...{ root, kind, directory, files, release, signing },
      arch: process.arch,
    })
    const { dateSeconds, changed } = release
    const file = runNfpm(nfpm, { kind, output, directory, configuration, dateSeconds, signing })
    say(file)
    say(
      `Node and npm packages as they come: ${formatBytes(whole)}; installed: ${formatBytes(sizeBelow(files))}`,
    )
    say(`the package: ${formatBytes(statSync(file).size)}`)
    if (changed) say('The working tree differs from its commit, and was taken as it is.')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
