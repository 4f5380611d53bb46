/** `managed-tokens uids import FILE`: takes UIDs over from the predecessor's database, on the machine with the keytabs. */
import { existsSync, readFileSync } from 'node:fs'
import { connectBus } from '../shared/bus.ts'
import { environment } from '../shared/config/environment.ts'
import { findConfigFile } from '../shared/config/find.ts'
import { loadSite } from '../shared/config/load.ts'
import { type ImportedUids, importUids, readPredecessorUids } from '../shared/import-uids.ts'
import { natsFiles, seedFile, stateRootOf } from '../shared/state.ts'
import { buckets } from '../shared/subjects.ts'
import type { ConnectionOptions } from './connection.ts'

export interface UidsImportOptions extends ConnectionOptions {
  readonly json?: boolean
}

/**
 * Imports `file` and says what came of it. Writes as the refresher does, with its seed: whoever may not read that may not
 * say which UID a token goes to. Returns the exit code. Throws an error whose message says what to do.
 */
export async function runUidsImport(file: string, options: UidsImportOptions): Promise<number> {
  // A wrong file is said before anything connects.
  readPredecessorUids(file)
  const { nats } = loadSite(findConfigFile(options.config)).site
  const root = stateRootOf(options.state, environment)
  const seed = nats.seedFile?.replaceAll('{{.Daemon}}', 'refresher') ?? seedFile(root, 'refresher')
  if (!existsSync(seed))
    throw new Error(`There is no seed of the refresher at ${seed}: give its state directory with --state.`)
  const servers = serversOf(options.nats, nats.servers, natsFiles(root).url)
  await using bus = await connectBus({
    ...{ servers, user: 'refresher', seedFile: seed, caFile: nats.caFile, once: true },
  })
  const result = await importUids(file, await bus.bucket(buckets.uids))
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${describe(result)}\n`)
  return 0
}

function serversOf(given: string | undefined, configured: readonly string[] | undefined, urlFile: string) {
  if (given) return [given]
  if (configured) return configured
  if (existsSync(urlFile)) return [readFileSync(urlFile, 'utf8').trim()]
  throw new Error('No NATS server is known: start one with "managed-tokens up", or give --nats URL.')
}

function describe({ imported, kept }: ImportedUids): string {
  const count = (n: number) => `${n} ${n === 1 ? 'account' : 'accounts'}`
  const known = kept.length > 0 ? `; ${count(kept.length)} known already: ${kept.join(', ')}` : ''
  return `Took over the UIDs of ${count(imported.length)}${known}.`
}
