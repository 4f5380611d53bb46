/** Runs the placing script on this machine exactly as sshd would: a login shell gets the command, stdin gets the rest. */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { parseResults, placeInput, remoteCommand } from '../../../../services/distributor/transport/place.ts'
import type { PlacedFile } from '../../../../services/distributor/transport/push.ts'

/** The account that pushes, and one that wishes it ill. Neither exists: numbers are all the kernel wants. */
export const victim = 61_234
export const attacker = 61_235

export interface PlaceOptions {
  /** Runs as this user. Default: root. */
  readonly as?: number
  /** The UID that the pusher expects. Default: the one it runs as. */
  readonly expected?: number
  readonly loginShell?: readonly string[]
  /** Instead of /bin/sh, which the command names. */
  readonly shell?: string
  /** Printed before anything else, as a profile might. */
  readonly noise?: string
  /** What is left of the input when the connection breaks. */
  readonly cut?: (input: string) => string
  /** After which the script ends by itself. */
  readonly timeoutMs?: number
  /** The connection stands still after that, instead of ending. */
  readonly isStuck?: boolean
  /** Directories in front of PATH. */
  readonly path?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface Placed {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** By file, from 1; 0 is the refusal of all. */
  readonly results: Map<number, string>
}

export const placeHere = (files: readonly PlacedFile[], options: PlaceOptions = {}): Promise<Placed> =>
  scriptHere((expected) => placeInput(expected, files), options)

/** The same of any script of ours; `inputFor` gets the UID that is expected. */
export async function scriptHere(
  inputFor: (expected: number) => string,
  options: PlaceOptions = {},
): Promise<Placed> {
  const {
    as = 0,
    expected = as,
    loginShell = ['/bin/sh'],
    shell = '/bin/sh',
    noise,
    cut = (all) => all,
    timeoutMs = 60_000,
  } = options
  const command = `${noise ? `printf '%s' '${noise}'; ` : ''}${remoteCommand(timeoutMs).replace('/bin/sh', shell)}`
  const [file = '', ...args] = [...asUser(as), ...loginShell, '-c', command]
  const path = [...(options.path ?? []), '/usr/bin', '/bin'].join(delimiter)
  const child = spawn(file, args, {
    env: { PATH: path, HOME: '/', ...options.env },
    // A group of its own, as sshd makes one, so that a hang-up reaches it whole and nobody else.
    detached: true,
  })
  // A script that stops reading is no accident here.
  child.stdin.on('error', () => undefined)
  child.stdin.write(cut(inputFor(expected)))
  if (!options.isStuck) child.stdin.end()
  const [code, stdout, stderr] = await Promise.all([
    new Promise<number | null>((resolve) => child.on('close', resolve)),
    text(child.stdout),
    text(child.stderr),
  ])
  return { code, stdout, stderr, results: parseResults(stdout) }
}

/** The words that run a command as `uid`. */
export const asUser = (uid: number): string[] =>
  uid === 0 ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--']

/** A directory like a node's /tmp: everybody writes, the sticky bit says who may remove. Removed after the test. */
export function stickyDirectory(t: TestContext): string {
  const base = mkdtempSync(join(tmpdir(), 'mt-place-'))
  t.after(() => rmSync(base, { recursive: true, force: true }))
  chmodSync(base, 0o711)
  const directory = join(base, 'tmp')
  mkdirSync(directory)
  chmodSync(directory, 0o1777)
  return directory
}

/** The two files of a token. */
export function tokenFiles(directory: string, content = 'hvs.secret-of-the-test'): [PlacedFile, PlacedFile] {
  return [
    { path: join(directory, 'vt_u61234'), mode: '400', content },
    { path: join(directory, 'vt_u61234-dune_production'), mode: '400', content },
  ]
}

/** Temporary files of the script that were left behind. */
export const leftOvers = (directory: string) =>
  readdirSync(directory).filter((name) => name.startsWith('.managed-tokens'))

/** Puts a program in front of the real one: `body` runs first, then the real one with the same words and stdin. */
export function wrapProgram(t: TestContext, program: string, body: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'mt-wrap-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  chmodSync(directory, 0o755)
  const real = ['/usr/bin', '/bin'].map((place) => join(place, program)).find((one) => existsSync(one))
  writeFileSync(join(directory, program), `#!/bin/sh\n${body}\nexec ${real} "$@"\n`, { mode: 0o755 })
  return directory
}
