/**
 * Asks an issuer with the refresh token of a person's login, which many issuers take once only: one replica at a time asks, it is
 * written down before and after, and the new one is on disk and on the bus before anything that came with it is used.
 */
import { patiently } from '../../../shared/bus/patiently.ts'
import { RetryLater } from '../../../shared/contracts/errors.ts'
import { timestamp } from '../../../shared/contracts/messages.ts'
import { isSame, type Login, newestOf } from './login.ts'
import type { LoginCopies } from './login-copies.ts'
import type { LoginFiles } from './login-files.ts'

export interface LoginKeeping {
  readonly files: LoginFiles
  readonly copies: LoginCopies
  /** A random name of this process. */
  readonly holder: string
  readonly now: () => number
  /** What could be written nowhere yet, by entry: lost with this process. */
  readonly unsaved: Map<string, Login>
}

export interface AskWithLogin<T> {
  readonly entry: string
  /** A question takes no longer (milliseconds). */
  readonly mostMs: number
  /** Asks; `wasAsked`: an earlier question with this token got no answer that anybody knows of. */
  readonly ask: (login: Login, wasAsked: boolean) => Promise<T>
  /** The new refresh token in the answer; undefined where the old one stays good. */
  readonly renewed: (answer: T) => string | undefined
  /** Whether the issuer has answered with a refusal: then the refresh token is no more used up than before. */
  readonly isRefusal: (error: unknown) => boolean
  /** Ends the waiting for a bus that is away; the question itself is not given up, since its answer would be lost. */
  readonly signal: AbortSignal
}

/** How soon to look again where another replica was faster (milliseconds). */
const soonMs = 1_000

/** The answer, once the login that came with it is kept. Undefined where nobody has logged in. Throws what `ask` throws, or RetryLater. */
export async function useLogin<T>(asking: AskWithLogin<T>, keeping: LoginKeeping): Promise<T | undefined> {
  const { entry, mostMs, ask, signal } = asking
  const before = await prepare(entry, keeping)
  if (!before) return undefined
  const { login, revision } = before
  const busyMs = Date.parse(login.asked?.until ?? '') - keeping.now()
  if (busyMs > 0 && login.asked?.by !== keeping.holder) throw new RetryLater(Math.ceil(busyMs))
  const marked = markAsked(login, keeping, mostMs)
  if (!(await keeping.copies.write(marked, revision))) throw new RetryLater(soonMs)
  await keeping.files.write(marked)
  // This process may have stood still: by now another one may be asking.
  if (Date.parse(marked.asked?.until ?? '') <= keeping.now() + soonMs) throw new RetryLater(soonMs)
  let answer: T
  try {
    answer = await ask(login, login.asked !== undefined)
  } catch (error) {
    await keep(afterFailure(login, marked, asking.isRefusal(error), keeping), keeping, signal)
    throw error
  }
  const { asked: _, ...kept } = login
  const refreshToken = asking.renewed(answer) ?? login.refreshToken
  await keep({ ...kept, refreshToken, generation: login.generation + 1 }, keeping, signal)
  return answer
}

function markAsked(login: Login, { holder, now }: LoginKeeping, mostMs: number): Login {
  const at = login.asked?.at ?? timestamp(new Date(now()))
  return { ...login, asked: { at, by: holder, until: timestamp(new Date(now() + mostMs)) } }
}

/** A refusal leaves it as it was. Whatever else happened, it may be used up; that must keep nobody from trying it again. */
function afterFailure(before: Login, marked: Login, isRefusal: boolean, { now }: LoginKeeping): Login {
  if (isRefusal) return before
  return marked.asked ? { ...marked, asked: { ...marked.asked, until: timestamp(new Date(now())) } } : marked
}

/** How long replicas have to bring what they have, where the bus was emptied (milliseconds): they look once a minute. */
export const settleMs = 70_000

/** The newest login, on disk here and on the bus, with the revision there. */
async function prepare(
  entry: string,
  keeping: LoginKeeping,
): Promise<{ login: Login; revision: number } | undefined> {
  const { copy, login } = await reconcile(entry, keeping)
  if (!login) return undefined
  // Another replica may have a newer one, and this one would be used twice.
  const isFresh = login.generation === 0 && keeping.now() - login.login < settleMs
  if (copy.isNew && !isFresh) throw new RetryLater(settleMs)
  return { login, revision: copy.revision }
}

interface Reconciled {
  readonly login?: Login
  readonly copy: { readonly revision: number; readonly isNew: boolean }
}

/** Brings file and copy to the newest of what is known. Throws RetryLater where somebody else is at it. */
export async function reconcile(entry: string, keeping: LoginKeeping): Promise<Reconciled> {
  const { files, copies, unsaved } = keeping
  const [inFile, copy] = await Promise.all([files.read(entry), copies.read(entry)])
  const newest = newestOf([unsaved.get(entry), copy.login, inFile])
  if (!newest) return { copy: { ...copy, isNew: copy.revision === 0 } }
  if (!inFile || !isAlike(inFile, newest)) await files.write(newest)
  const known = { isNew: copy.login === undefined }
  if (copy.login && isAlike(copy.login, newest)) {
    unsaved.delete(entry)
    return { login: newest, copy: { ...known, revision: copy.revision } }
  }
  if (!(await copies.write(newest, copy.revision))) throw new RetryLater(soonMs)
  unsaved.delete(entry)
  return { login: newest, copy: { ...known, revision: (await copies.read(entry)).revision } }
}

const isAlike = (one: Login, other: Login) =>
  isSame(one, other) && JSON.stringify(one.asked) === JSON.stringify(other.asked)

/** On disk first, and on the bus: whoever has a newer one there keeps it. Until both have it, this process remembers it. */
async function keep(login: Login, keeping: LoginKeeping, signal: AbortSignal): Promise<void> {
  const { files, copies, unsaved } = keeping
  unsaved.set(login.entry, login)
  const inFile = files.write(login)
  const onBus = patiently(() => replaceCopy(login, copies), { signal })
  const [written, copied] = await Promise.allSettled([inFile, onBus])
  if (written.status === 'rejected' && copied.status === 'rejected') throw written.reason
  unsaved.delete(login.entry)
}

async function replaceCopy(login: Login, copies: LoginCopies): Promise<void> {
  for (;;) {
    const found = await copies.read(login.entry)
    const isNewer =
      found.login && (found.login.login > login.login || found.login.generation > login.generation)
    if (isNewer || (await copies.write(login, found.revision))) return
  }
}
