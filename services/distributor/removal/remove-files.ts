/** Removes files from a node over ssh: looks first, and then removes what is ours, each only with the content that was seen. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { failedWith } from '../../../shared/contracts/errors.ts'
import { connectionError } from '../ssh/ssh-failure.ts'
import { localError, runHere } from '../transport/local.ts'
import { resultsOf, scriptInput, scriptOf } from '../transport/place.ts'
import type { Push, PushMeans } from '../transport/push.ts'
import { runScript } from '../transport/ssh.ts'
import { type JudgeRules, judge, type Seen, type SeenFile } from './judge.ts'

const script = scriptOf(readFileSync(new URL('./remove.sh', import.meta.url), 'utf8'))

/** A path with the fingerprints of what was put there. */
export interface PlacedPrint {
  readonly path: string
  readonly prints: readonly string[]
}

/** What became of a node's files. */
export interface Removed {
  readonly removed: readonly string[]
  /** A clause each. */
  readonly left: readonly string[]
}

/** Throws as a push does, and Transient `push-failed` where something of ours could not be removed. */
export async function removeFiles(
  push: Push,
  means: PushMeans,
  files: readonly PlacedPrint[],
  rules: JudgeRules,
): Promise<Removed> {
  const looked = await converse(
    push,
    means,
    files.map(({ path }) => ({ path, digest: '-' })),
  )
  const seen = files.map((file, index): SeenFile => ({ ...file, seen: looked[index] ?? missing }))
  const { remove, left } = judge(seen, rules)
  if (remove.length === 0) return { removed: [], left }
  const results = await converse(push, means, remove)
  const where = (path: string) => `${path} on ${push.node} (${push.entry.account})`
  for (const [index, { path }] of remove.entries()) {
    const { kind } = results[index] ?? missing
    if (kind === 'removed' || kind === 'absent') continue
    const result = results[index]
    const why = result?.kind === 'failed' ? result.why : 'it was changed meanwhile'
    throw failedWith('push-failed', `${where(path)} could not be removed: ${why}.`)
  }
  return { removed: remove.map(({ path }) => path), left }
}

const missing: Seen = { kind: 'failed', why: 'the node said nothing of it' }

/** The script and its data; `-` for a digest: look only. */
export function removalInput(uid: number, files: readonly Wanted[]): string {
  const head = [uid, randomBytes(16).toString('hex'), files.length]
  return scriptInput(script, [
    ...head,
    ...files.flatMap(({ path, digest }, index) => [index + 1, path, digest]),
  ])
}

interface Wanted {
  readonly path: string
  readonly digest: string
}

async function converse(push: Push, means: PushMeans, files: readonly Wanted[]): Promise<readonly Seen[]> {
  const isHere = push.entry.transport === 'local'
  const outcome = await (isHere ? runHere : runScript)(push, means, removalInput(push.uid, files))
  const results = resultsOf(push, outcome.stdout)
  if (outcome.kind !== 'exited' || outcome.exitCode !== 0 || results.size < files.length)
    throw isHere ? localError(push, outcome) : connectionError(push, 'ssh', outcome, means.control?.isOpen)
  return files.map((_, index) => readSeen(results.get(index + 1) ?? ''))
}

/** Pure. */
export function readSeen(result: string): Seen {
  const [kind, ...words] = result.split(' ')
  const rest = words.join(' ')
  if (kind === 'absent' || kind === 'removed') return { kind }
  if (kind === 'file' && /^[0-7]{3,4} [0-9a-f]{64}$/.test(rest))
    return { kind, mode: words[0] as string, digest: words[1] as string }
  if (kind === 'other') return { kind, what: rest }
  return { kind: 'failed', why: rest || 'it was changed meanwhile' }
}
