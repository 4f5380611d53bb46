/** Hold points: a test stops a stand-in at a named moment, knows that it stands there, and lets it go on. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const pollMs = 50

/**
 * In a stand-in: when `name` is held, says so in `dir/held/<name>.<pid>` and waits until it is released.
 * Names: `htgettoken:<service>`, `htgettoken-of-storer:<service>` (also a storer daemon's own), `condor_vault_storer[-done]:<service>`,
 * `condor_store_cred[-done]:<service>` (when a daemon calls it), `condor_version`, `ssh:<node>`, `mail` and `slack` (taken, and not yet
 * said to be), `iam-token` (made, and not yet given).
 */
export async function passHoldPoint(dir: string, name: string): Promise<void> {
  const held = join(dir, 'holds', name)
  if (!existsSync(held)) return
  mkdirSync(join(dir, 'held'), { recursive: true })
  const mark = join(dir, 'held', `${name}.${process.pid}`)
  writeFileSync(mark, '')
  await waitUntil(join(dir, 'holds'), () => (existsSync(held) ? undefined : true))
  rmSync(mark, { force: true })
}

/** In a test: whoever comes to the hold point `name` from now on waits there. */
export function hold(dir: string, name: string): void {
  mkdirSync(join(dir, 'holds'), { recursive: true })
  mkdirSync(join(dir, 'held'), { recursive: true })
  // Somebody else may come to have the number of a process that was killed here.
  for (const { mark, pid } of marksAt(dir, name))
    if (!isAlive(pid)) rmSync(join(dir, 'held', mark), { force: true })
  writeFileSync(join(dir, 'holds', name), '')
}

/**
 * In a test: resolves with the process id of a live stand-in that waits at `name`.
 * @throws Error when none has come within `timeoutMs`.
 */
export async function waitHeld(dir: string, name: string, timeoutMs = 60_000): Promise<number> {
  const pid = await waitUntil(join(dir, 'held'), () => findHeld(dir, name), timeoutMs)
  if (pid === undefined) throw new Error(`nobody came to the hold point ${name} within ${timeoutMs} ms`)
  return pid
}

/** In a test: lets everyone who waits at `name` go on, and nobody waits there any more. */
export function release(dir: string, name: string): void {
  rmSync(join(dir, 'holds', name), { force: true })
}

const findHeld = (dir: string, name: string): number | undefined =>
  marksAt(dir, name).find(({ pid }) => isAlive(pid))?.pid

function marksAt(dir: string, name: string): { readonly mark: string; readonly pid: number }[] {
  return readdirSync(join(dir, 'held'))
    .map((mark) => ({ mark, end: mark.lastIndexOf('.') }))
    .filter(({ mark, end }) => mark.slice(0, end) === name)
    .map(({ mark, end }) => ({ mark, pid: Number(mark.slice(end + 1)) }))
}

/** A mark may be left by a process that was killed while it was held, and that nobody has buried yet. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

async function waitUntil<T>(
  directory: string,
  look: () => T | undefined,
  timeoutMs = Number.POSITIVE_INFINITY,
): Promise<T | undefined> {
  const deadline = performance.now() + timeoutMs
  mkdirSync(directory, { recursive: true })
  for (;;) {
    const found = look()
    if (found !== undefined || performance.now() >= deadline) return found
    await nextChange(directory)
  }
}

/** Resolves when something changes in the directory, or after a short while: a watch may miss what came before it. */
function nextChange(directory: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const watcher = watch(directory, () => resolve())
  const timer = setTimeout(resolve, pollMs)
  return promise.finally(() => {
    watcher.close()
    clearTimeout(timer)
  })
}
