/** The program that writes the archives: the one that NFPM or PATH names, else of the pinned version, built here once. */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { GiveUp } from './give-up.ts'
import type { Kind, Signing } from './options.ts'

const goModule = 'github.com/goreleaser/nfpm/v2/cmd/nfpm'
const pin = join(import.meta.dirname, 'nfpm')

export interface Writing {
  readonly kind: Kind
  /** Where the package comes to. */
  readonly output: string
  /** For what is only needed meanwhile. */
  readonly directory: string
  readonly configuration: string
  /** The time of everything that has one, in seconds since the epoch. */
  readonly dateSeconds: number
  readonly signing: Signing | undefined
}

/** Writes the package. Returns its path. */
export function runNfpm(nfpm: string, writing: Writing): string {
  const { kind, output, directory, configuration, dateSeconds, signing } = writing
  const file = join(directory, 'nfpm.yaml')
  writeFileSync(file, configuration)
  const made = join(directory, 'made')
  for (const one of [made, output]) mkdirSync(one, { recursive: true })
  run(nfpm, ['package', '--config', file, '--packager', kind, '--target', made], {
    ...process.env,
    SOURCE_DATE_EPOCH: String(dateSeconds),
    ...passphraseOf(signing),
  })
  const [found = ''] = readdirSync(made)
  const path = resolve(output, found)
  copyFileSync(join(made, found), path)
  return path
}

/** In the environment alone, where nobody else looks. */
function passphraseOf(signing: Signing | undefined): NodeJS.ProcessEnv {
  if (!signing?.passphraseFile) return {}
  try {
    return { NFPM_PASSPHRASE: readFileSync(signing.passphraseFile, 'utf8').split('\n')[0] }
  } catch {
    throw new GiveUp(`--passphrase-file ${signing.passphraseFile} cannot be read`)
  }
}

/** The path of nfpm. Throws {@link GiveUp} where it is not there and cannot be built. */
export function findNfpm(root: string): string {
  const named = process.env.NFPM ?? (answers('nfpm', ['--version']) ? 'nfpm' : undefined)
  if (named) return named
  const version = /nfpm\/v2 (v[\d.]+)/.exec(readFileSync(join(pin, 'go.mod'), 'utf8'))?.[1] ?? ''
  const built = join(root, 'node_modules/.cache/nfpm', version)
  if (!existsSync(built)) buildNfpm(built, version)
  return built
}

function buildNfpm(built: string, version: string): void {
  if (!answers('go', ['version']))
    throw new GiveUp(
      `Packages are made by nfpm, which is not here, nor is Go, which would build it. Install nfpm ${version} from ` +
        'https://nfpm.goreleaser.com and put it on PATH (or name it by NFPM), or install Go 1.26.4 or newer from https://go.dev/dl.',
    )
  process.stderr.write(`building nfpm ${version}, up to a minute\n`)
  // Copied where nobody else builds: go changes its files as it goes.
  const scratch = `${built}.${process.pid}`
  cpSync(pin, scratch, { recursive: true })
  try {
    run('go', ['build', '-C', scratch, '-trimpath', '-o', 'nfpm', goModule], {
      ...process.env,
      GOFLAGS: '-mod=mod',
    })
    renameSync(join(scratch, 'nfpm'), built)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

const answers = (program: string, words: readonly string[]) =>
  spawnSync(program, words, { stdio: 'ignore' }).status === 0

function run(program: string, words: readonly string[], env: NodeJS.ProcessEnv): void {
  const { error, status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', env })
  if (error || status !== 0)
    throw new GiveUp(`${program} ${words[0]} failed:\n${error?.message ?? `${stdout}${stderr}`.trim()}`)
}
