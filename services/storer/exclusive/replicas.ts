/**
 * The storers of this host user, known to each other by a list beside their lock: whoever takes over tidies up after all of
 * them, also after one that never comes back.
 */
import { appendFile, lstat, readFile } from 'node:fs/promises'

/** Puts `directory` on the list, and returns how to read it: directories of this user that are still there. */
export async function joinReplicas(
  lockFile: string,
  directory: string,
): Promise<() => Promise<readonly string[]>> {
  const list = `${lockFile}.replicas`
  const read = async () => {
    const text = await readFile(list, 'utf8').catch(() => '')
    return [...new Set([directory, ...text.split('\n').filter(Boolean)])]
  }
  const listed = (await readFile(list, 'utf8').catch(() => '')).split('\n')
  if (!listed.includes(directory)) await appendFile(list, `${directory}\n`, { mode: 0o600 })
  return async () => {
    const all = await read()
    const ours = await Promise.all(all.map(isOurs))
    return all.filter((_, index) => ours[index])
  }
}

async function isOurs(directory: string): Promise<boolean> {
  const found = await lstat(directory).catch(() => undefined)
  return found?.isDirectory() === true && found.uid === process.getuid?.()
}
