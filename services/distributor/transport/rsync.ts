/**
 * Pushes files with rsync, for accounts that allow nothing else: asks who the account is there, copies one directory's
 * files at a time, and looks at what lies there afterwards. Tokens are in a private directory meanwhile, never in argv.
 */
import { type CommandOutcome, runCommand } from '../../../shared/commands/command.ts'
import { commandEnvironment } from '../../../shared/config/environment.ts'
import { ticketOf } from '../ssh/ssh-command.ts'
import { connectionError, nodeError } from '../ssh/ssh-failure.ts'
import { judgeFiles, noRoot, wrongOwner } from './place.ts'
import type { Push, PushMeans, PushTarget } from './push.ts'
import { copyWords, lookWords, ownerWords, ownProcess } from './rsync-command.ts'
import {
  hasComplaint,
  readComplaint,
  readListing,
  refusalOf,
  resultOf,
  resultOfBroken,
  type Seen,
} from './rsync-outcome.ts'
import { type Staged, stageFiles } from './stage-files.ts'

/** rsync's exit code for "error in file I/O". */
const notWritten = 11
/** And for "some files could not be transferred": after either, the others may be in place. */
const someMissing = 23
const someFailed: ReadonlySet<number> = new Set([notWritten, someMissing])
const maxCopies = 3

/** The transport `rsync`. */
export async function pushByRsync(push: Push, means: PushMeans): Promise<string | undefined> {
  await using staged = await stageFiles(push, means)
  const run = openRsync(push, means, staged)
  const { timeoutMs } = means
  const isKept = means.control?.isOpen ?? false
  const asked = readAnswer(push, await run('owner', ownerWords(push, staged.directories, timeoutMs)), isKept)
  const results = new Map<number, string>()
  for (const directory of staged.directories) {
    const refusal = refusalOf(asked.get(listedName(directory.path)), push.uid)
    if (refusal) for (const { number } of directory.files) results.set(number, refusal)
    if (refusal) continue
    const copied = await copyUntilSaid(() => run('copy', copyWords(push, directory, timeoutMs)))
    if (!someFailed.has(exitCodeOf(copied))) failUnlessGood(push, copied, isKept)
    const seen = await run('look', lookWords(push, directory, timeoutMs))
    if (!someFailed.has(exitCodeOf(seen))) failUnlessGood(push, seen, isKept)
    const listing = readListing(seen.stdout)
    const judge = exitCodeOf(copied) === notWritten ? resultOfBroken : resultOf
    for (const { number, file, name } of directory.files)
      results.set(number, judge(file, push.uid, listing.get(name), readComplaint(copied.stderr, file.path)))
  }
  return judgeFiles(push, results)
}

/** Asks for the owner of a process of the account. */
export async function askByRsync(target: PushTarget, means: PushMeans): Promise<number> {
  const push: Push = { ...target, uid: 0, files: [] }
  await using staged = await stageFiles(push, means)
  const asked = await openRsync(push, means, staged)('owner', ownerWords(push, [], means.timeoutMs))
  return noRoot(target, ownerOf(target, asked, means.control?.isOpen ?? false).uid)
}

/** A node that cannot write ends rsync here, now and then before its complaint has come through: it is asked again for it. */
async function copyUntilSaid(copy: () => Promise<CommandOutcome>): Promise<CommandOutcome> {
  for (let copies = 1; ; copies++) {
    const copied = await copy()
    if (exitCodeOf(copied) !== notWritten || hasComplaint(copied.stderr) || copies === maxCopies)
      return copied
  }
}

type Run = (step: 'owner' | 'copy' | 'look', words: readonly string[]) => Promise<CommandOutcome>

/** All steps of a push share its time. */
function openRsync({ entry, node }: Push, means: PushMeans, staged: Staged): Run {
  const deadline = performance.now() + means.timeoutMs
  return (step, words) =>
    runCommand({
      // As with ssh: the kernel ends it with the daemon.
      file: 'setpriv',
      name: 'rsync',
      args: ['--pdeathsig', 'KILL', '--', means.rsync, ...words],
      env: { ...commandEnvironment(), ...ticketOf(means) },
      cwd: staged.path,
      timeoutMs: Math.max(1, deadline - performance.now()),
      signal: means.signal,
      attributes: {
        'managed_tokens.entry': entry.name,
        'managed_tokens.node': node,
        'managed_tokens.step': step,
      },
    })
}

const exitCodeOf = (outcome: CommandOutcome) => (outcome.kind === 'exited' ? outcome.exitCode : -1)

function failUnlessGood(target: PushTarget, outcome: CommandOutcome, isKept: boolean): void {
  if (exitCodeOf(outcome) === 0) return
  // What a shell prints, nologin's refusal too, reaches rsync in the place of its own protocol.
  if (/is your shell clean/.test(outcome.stderr))
    throw nodeError(
      target,
      'shell-failed',
      'the account’s shell prints something of its own, or refuses the login',
    )
  throw connectionError(target, 'rsync', outcome, isKept)
}

/** Before anything is written: another UID's names are none of this account's business. Returns what the node has, by name. */
function readAnswer(push: Push, asked: CommandOutcome, isKept: boolean): Map<string, Seen> {
  const self = ownerOf(push, asked, isKept)
  if (self.uid !== push.uid) throw wrongOwner(push, String(self.uid))
  return readListing(asked.stdout)
}

function ownerOf(target: PushTarget, asked: CommandOutcome, isKept: boolean): Seen {
  const self = readListing(asked.stdout).get(ownProcess.slice(1))
  // A directory that is not there yet is no reason to end.
  if (!self || exitCodeOf(asked) !== someMissing) failUnlessGood(target, asked, isKept)
  if (!self) throw connectionError(target, 'rsync', asked, isKept)
  return self
}

/** As `--relative` lists a directory. */
const listedName = (path: string) => `${path.slice(1)}/`
