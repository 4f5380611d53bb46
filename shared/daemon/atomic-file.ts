/** Writes a file so that a reader, also after a crash of the machine, sees the old or the new content, never a part, and nobody else sees a secret. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The name of a file that is being written: by which process is part of it. */
const unfinished = /^\.[0-9a-f]{16}\.(\d+)\.tmp$/
/** Of what this process writes now: in a container, an earlier one had the same number. */
const underWay = new Set<string>()

/** Replaces `file` with `content` in mode `mode` (default 0600). Throws the file system's error; the old file then stays. */
export async function writeFileAtomic(
  file: string,
  content: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  const name = `.${randomBytes(8).toString('hex')}.${process.pid}.tmp`
  const temporary = join(dirname(file), name)
  underWay.add(name)
  try {
    const handle = await open(temporary, 'wx', mode)
    try {
      await handle.chmod(mode)
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
    await syncDirectory(dirname(file))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  } finally {
    underWay.delete(name)
  }
}

/** Removes what killed processes of this host have left in `directory` of files that they were writing: it may be a secret. */
export async function removeUnfinished(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const [, pid] = unfinished.exec(name) ?? []
    if (pid && !isUnderWay(name, Number(pid))) await rm(join(directory, name), { force: true })
  }
}

const isUnderWay = (name: string, pid: number) =>
  pid === process.pid ? underWay.has(name) : existsSync(`/proc/${pid}`)

/** Without this the rename may be forgotten with the power. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
