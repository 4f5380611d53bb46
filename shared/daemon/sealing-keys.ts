/** The keys that tokens are sealed and signed with, as the configuration or the state directory has them; never from the bus. */
import { readFile } from 'node:fs/promises'
import { Prefix } from '@nats-io/nkeys'
import { publicKeyOf } from '../bus/nkey.ts'
import type { SealingConfig } from '../config/sections/common.ts'
import type { Opening, Sealing } from '../tokens/seal.ts'
import { sealingPublicKeyFile, sealingSeedFile, signingSeedFile, trustedSignersFile } from './state.ts'

/** What the refresher seals with. Throws where a file cannot be read. */
export async function readSealing(config: SealingConfig, stateRoot: string): Promise<Sealing> {
  return {
    recipient: config.publicKey ?? (await readLine(sealingPublicKeyFile(stateRoot))),
    signingSeed: await readSeed(config.signingKeyFile ?? signingSeedFile(stateRoot), Prefix.Account),
  }
}

/** What the distributor opens with. Throws where a file cannot be read. */
export async function readOpening(config: SealingConfig, stateRoot: string): Promise<Opening> {
  const files = [config.seedFile ?? sealingSeedFile(stateRoot), ...config.previousSeedFiles]
  return {
    seeds: await Promise.all(files.map((file) => readSeed(file, Prefix.Curve))),
    trustedSigners: config.trustedSigners ?? (await readTrustedSigners(stateRoot)),
  }
}

/** Those of `signing.pub`. */
export const readTrustedSigners = async (stateRoot: string): Promise<string[]> =>
  (await readLine(trustedSignersFile(stateRoot))).split(/\s+/)

async function readSeed(file: string, kind: Prefix.Account | Prefix.Curve): Promise<Uint8Array> {
  const seed = new TextEncoder().encode(await readLine(file))
  try {
    publicKeyOf(seed, kind)
    return seed
  } catch {
    const wanted = kind === Prefix.Curve ? 'curve seed (SX…)' : 'signing seed (SA…)'
    throw new Error(`${file} holds no ${wanted}: "managed-tokens keys" makes one where there is none.`)
  }
}

const readLine = async (file: string) => (await readFile(file, 'utf8')).trim()
