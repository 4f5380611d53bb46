/** Logins in the refresher's private state: one file an entry, on disk before its refresh token is used for anything. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeToken } from '../../../shared/contracts/subjects.ts'
import { removeUnfinished, writeFileAtomic } from '../../../shared/daemon/atomic-file.ts'
import { ensurePrivateDirectory } from '../../../shared/daemon/state.ts'
import { type Login, loginRecord } from './login.ts'

export interface LoginFiles {
  /** Undefined where there is none, or none that can be read. */
  read(entry: string): Promise<Login | undefined>
  /** Returns once it is synced to disk. */
  write(login: Login): Promise<void>
}

const directoryOf = (stateDirectory: string) => join(stateDirectory, 'logins')

/** Removes what a refresher that was killed has left of a login. */
export const tidyLogins = (stateDirectory: string): Promise<void> =>
  removeUnfinished(directoryOf(stateDirectory))

/** Files in `logins` below the refresher's state directory, each for this user only. */
export function openLoginFiles(stateDirectory: string): LoginFiles {
  const directory = directoryOf(stateDirectory)
  const fileOf = (entry: string) => join(directory, `${encodeToken(entry)}.json`)
  return {
    async read(entry) {
      try {
        const login = loginRecord.parse(JSON.parse(await readFile(fileOf(entry), 'utf8')))
        return login.entry === entry ? login : undefined
      } catch {
        return undefined
      }
    },
    async write(login) {
      await ensurePrivateDirectory(directory)
      await writeFileAtomic(fileOf(login.entry), `${JSON.stringify(login)}\n`)
    },
  }
}
