/** Who stores beside whom, and what they must never have in common: noticed when they do. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { appendLine } from '../calls.ts'
import { readFaults } from '../fault-file.ts'
import type { Program } from './program.ts'
import { accountOf, readCondorValue, readPrincipal } from './site-files.ts'

/** Each of them is private to a run. */
const privateVariables = ['KRB5CCNAME', 'BEARER_TOKEN_FILE', 'XDG_RUNTIME_DIR', 'HOME'] as const

/** One that stores now, as it says in `storers/<pid>`. */
interface Storing {
  readonly identity: string
  readonly service: string
  readonly credd: string | undefined
  readonly account: string | undefined
  readonly variables: Readonly<Record<string, string | undefined>>
}

/** `u<uid>` unless CONDOR_VAULT_STORER_ID says otherwise: the middle of all file names in /tmp. */
export function identityOf({ dir, env }: Pick<Program, 'dir' | 'env'>): string {
  const heeded = readFaults(dir)['old-condor'] ? undefined : env.CONDOR_VAULT_STORER_ID
  return heeded || `u${process.geteuid?.()}`
}

/** A daemon that stores without condor_vault_storer runs htgettoken itself, and with what is meant for a credd. */
export const storesDirectly = ({ env, caller }: Pick<Program, 'env' | 'caller'>): boolean =>
  caller === undefined && Boolean(env._condor_CREDD_HOST)

/** Says that this program stores for the service, and ends it where another one does that has something in common with it. */
export function claimStoring(program: Program, service: string): void {
  const { dir } = program
  const { pid } = process
  const directory = join(dir, 'storers')
  const mark = join(directory, String(pid))
  const ours = describe(program, service)
  mkdirSync(directory, { recursive: true })
  // Own mark first: of two that start together, at least one then sees the other.
  writeFileSync(mark, JSON.stringify(ours))
  process.once('exit', () => rmSync(mark, { force: true }))
  for (const other of readdirSync(directory).map(Number)) {
    if (other === pid) continue
    if (!isStorer(other)) rmSync(join(directory, String(other)), { force: true })
    else meet(other)
  }

  function meet(other: number): void {
    appendLine(dir, 'together.jsonl', { at: new Date().toISOString(), pid, other })
    const theirs = readMark(join(directory, String(other)))
    const common = theirs && inCommon(ours, theirs)
    if (common) program.fail(`two storers at once ${common} (the other is process ${other})`)
  }
}

function describe({ dir, env }: Program, service: string): Storing {
  const principal = readPrincipal(env)
  return {
    ...{ identity: identityOf({ dir, env }), service, credd: readCondorValue(dir, env, 'CREDD_HOST') },
    account: principal && accountOf(principal),
    variables: Object.fromEntries(privateVariables.map((name) => [name, env[name]])),
  }
}

/** The first that two have in common and must not; undefined where they are strangers. */
function inCommon(ours: Storing, theirs: Storing): string | undefined {
  const isPrivate = ({ identity }: Storing) => identity !== `u${process.geteuid?.()}`
  if (ours.identity === theirs.identity) return `under the identity ${ours.identity}`
  if (!isPrivate(ours) || !isPrivate(theirs))
    return 'under one uid, one of them without an identity of its own'
  if (ours.service === theirs.service) return `for ${ours.service}`
  if (ours.account !== undefined && ours.account === theirs.account && ours.credd === theirs.credd)
    return `for ${ours.account} in ${ours.credd}`
  const shared = privateVariables.find(
    (name) => ours.variables[name] !== undefined && ours.variables[name] === theirs.variables[name],
  )
  return shared && `with one ${shared}`
}

/** Undefined where it is just being written or has gone. */
function readMark(file: string): Storing | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Storing
  } catch {
    return undefined
  }
}

const storers = /programs\/(?:condor_vault_storer|htgettoken|condor_store_cred)\.ts/

/** A killed storer leaves its mark, and its process id may be somebody else's by now. */
function isStorer(pid: number): boolean {
  try {
    return storers.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
  } catch {
    return false
  }
}
