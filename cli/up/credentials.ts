/** Keys of a private bus: made on the first start, never overwritten, readable by their owner only. */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { createCurve, createUser, type KeyPair, Prefix } from '@nats-io/nkeys'
import { writeFileAtomic } from '../../shared/atomic-file.ts'
import { type NatsUser, natsUsers } from '../../shared/nats-permissions.ts'
import { publicKeyOf } from '../../shared/nkey.ts'
import {
  ensurePrivateDirectory,
  sealingPublicKeyFile,
  sealingSeedFile,
  seedFile,
  stateDirectory,
} from '../../shared/state.ts'

/** Makes what is missing and returns the users' public nkeys (`U…`). Throws with the file's name when a key cannot be read. */
export async function ensureNatsKeys(stateRoot: string): Promise<Record<NatsUser, string>> {
  const keys: Partial<Record<NatsUser, string>> = {}
  for (const user of natsUsers) {
    await ensurePrivateDirectory(stateDirectory(stateRoot, user))
    const file = seedFile(stateRoot, user)
    await writeNewFile(file, () => seedOf(createUser()), 0o600)
    keys[user] = await readPublicKey(file, Prefix.User)
  }
  return keys as Record<NatsUser, string>
}

/** Makes the distributor's curve pair when there is none; the public half is written beside the daemons' directories. */
export async function ensureSealingKeys(stateRoot: string): Promise<void> {
  await ensurePrivateDirectory(stateDirectory(stateRoot, 'distributor'))
  const file = sealingSeedFile(stateRoot)
  await writeNewFile(file, () => seedOf(createCurve()), 0o600)
  // Always the seed's own half: with the one of a seed that was removed, nothing could be opened.
  await writeFileAtomic(
    sealingPublicKeyFile(stateRoot),
    `${await readPublicKey(file, Prefix.Curve)}\n`,
    0o644,
  )
}

const seedOf = (pair: KeyPair) => new TextDecoder().decode(pair.getSeed())

async function readPublicKey(file: string, kind: Prefix): Promise<string> {
  const seed = (await readFile(file, 'utf8')).trim()
  try {
    return publicKeyOf(new TextEncoder().encode(seed), kind)
  } catch {
    throw new Error(
      `${file} holds no valid key: restore it, or remove it to have a new one made at the next start.`,
    )
  }
}

/** The file appears with its whole content or not at all; one that exists is left as it is. */
async function writeNewFile(file: string, makeLine: () => string, mode: number): Promise<void> {
  if (existsSync(file)) return
  const draft = `${file}.${randomUUID()}`
  try {
    await writeFile(draft, `${makeLine()}\n`, { mode, flag: 'wx', flush: true })
    await link(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(draft, { force: true })
  }
}
