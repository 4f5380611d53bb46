/** Keys of a private bus: made on the first start, never overwritten, readable by their owner only. */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { createAccount, createCurve, createUser, type KeyPair, Prefix } from '@nats-io/nkeys'
import { publicKeyOf } from '../../shared/bus/nkey.ts'
import { type NatsUser, natsUsers } from '../../shared/bus/permissions.ts'
import { writeFileAtomic } from '../../shared/daemon/atomic-file.ts'
import {
  ensurePrivateDirectory,
  sealingPublicKeyFile,
  sealingSeedFile,
  seedFile,
  signingSeedFile,
  stateDirectory,
  trustedSignersFile,
} from '../../shared/daemon/state.ts'

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

/**
 * Makes the distributor's curve pair and the refresher's signing pair when there is none; the public halves are written beside
 * the daemons' directories.
 */
export async function ensureSealingKeys(stateRoot: string): Promise<void> {
  await ensurePrivateDirectory(stateDirectory(stateRoot, 'distributor'))
  await ensurePrivateDirectory(stateDirectory(stateRoot, 'refresher'))
  const [seed, signingSeed] = [sealingSeedFile(stateRoot), signingSeedFile(stateRoot)]
  await writeNewFile(seed, () => seedOf(createCurve()), 0o600)
  await writeNewFile(signingSeed, () => seedOf(createAccount()), 0o600)
  // Always the seeds' own halves: with those of seeds that were removed, nothing could be opened.
  await writePublic(sealingPublicKeyFile(stateRoot), await readPublicKey(seed, Prefix.Curve))
  await writePublic(trustedSignersFile(stateRoot), await readPublicKey(signingSeed, Prefix.Account))
}

const writePublic = (file: string, key: string) => writeFileAtomic(file, `${key}\n`, 0o644)

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
