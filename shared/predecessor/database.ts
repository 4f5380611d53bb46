/** Opens the predecessor's SQLite database to read from it, and says what is wrong with a file that is another one. */
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** `PRAGMA application_id` of the predecessor's databases (fermitools/managed-tokens, internal/db). */
const predecessor = 0x5da82553

/** What `read` makes of the database `file`. Throws an error that says what is wrong with the file. */
export function readPredecessor<T>(file: string, read: (database: DatabaseSync) => T): T {
  if (!existsSync(file)) throw new Error(`there is no ${file}: give the path of the predecessor’s uid.db`)
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { readOnly: true })
    const id = database.prepare('PRAGMA application_id').get()?.application_id
    if (id !== predecessor) throw new Error('it is a database of another program')
    return read(database)
  } catch (error) {
    throw new Error(`${file} is not the predecessor’s database: ${(error as Error).message}`)
  } finally {
    database?.close()
  }
}
