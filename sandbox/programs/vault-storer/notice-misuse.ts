/** What must never happen to a storer, noticed when it does: two under one identity, an environment of somebody else, a token of another service. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { appendLine } from '../../calls.ts'
import { readFaults } from '../../fault-file.ts'
import type { Program } from '../program.ts'
import { readCondorValue } from '../site-files.ts'
import type { StoreRequest } from './arguments.ts'

/** `u<uid>` unless CONDOR_VAULT_STORER_ID says otherwise: the middle of all file names in /tmp. */
export function identityOf({ dir, env }: Pick<Program, 'dir' | 'env'>): string {
  const heeded = readFaults(dir)['old-condor'] ? undefined : env.CONDOR_VAULT_STORER_ID
  return heeded || `u${process.geteuid?.()}`
}

/** Ends the program when its environment could send a token to a wrong place. */
export function checkEnvironment(program: Program): void {
  const { dir, env, fail } = program
  if (!readCondorValue(dir, env, 'COLLECTOR_HOST'))
    fail('_condor_COLLECTOR_HOST is missing: the credd would be looked for in another pool')
  if (!readCondorValue(dir, env, 'CREDD_HOST')) fail('_condor_CREDD_HOST is missing')
  if (!env.KRB5CCNAME) fail('KRB5CCNAME is missing: the ticket of whoever logged in last would be used')
}

/** Says that this storer runs, and ends the program when another one does that shares files with it. */
export function claimIdentity(program: Program): void {
  const { dir, fail } = program
  const directory = join(dir, 'storers')
  const identity = identityOf(program)
  mkdirSync(directory, { recursive: true })
  // Own mark first: of two that start together, at least one then sees the other.
  writeFileSync(join(directory, String(process.pid)), identity)
  process.once('exit', () => rmSync(join(directory, String(process.pid)), { force: true }))
  for (const name of readdirSync(directory)) {
    const pid = Number(name)
    if (pid === process.pid) continue
    if (!isStorer(pid)) rmSync(join(directory, name), { force: true })
    else {
      appendLine(dir, 'together.jsonl', { at: new Date().toISOString(), pid: process.pid, other: pid })
      checkOther(readMark(join(directory, name)), pid)
    }
  }

  function checkOther(other: string, pid: number): void {
    const isPrivate = (id: string) => id !== `u${process.geteuid?.()}`
    if (other === identity)
      fail(`two storers at once under the identity ${identity} (the other is process ${pid})`)
    if (!isPrivate(other) || !isPrivate(identity))
      fail(`two storers at once under one uid, one of them without an identity of its own (process ${pid})`)
  }
}

/** Ends the program when a bearer token is not one of this service. */
export function checkBearer(program: Program, request: StoreRequest, bearer: string): void {
  const groups = readGroups(bearer)
  const wanted = request.role === undefined ? `/${request.issuer}` : `/${request.issuer}/${request.role}`
  if (!groups.includes(wanted))
    program.fail(`the bearer token has groups ${groups.join(' ')}, but ${request.service} is to be stored`)
}

function readGroups(bearer: string): readonly string[] {
  try {
    const claims = JSON.parse(Buffer.from(bearer.split('.')[1] ?? '', 'base64url').toString()) as {
      'wlcg.groups'?: string[]
    }
    return claims['wlcg.groups'] ?? []
  } catch {
    return []
  }
}

const readMark = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** A killed storer leaves its mark, and its process id may be somebody else's by now. */
function isStorer(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('condor_vault_storer')
  } catch {
    return false
  }
}
