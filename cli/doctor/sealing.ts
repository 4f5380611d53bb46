/** Do the keys of sealing and signing fit each other, as far as they can be read here? */
import { accessSync, constants } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Prefix } from '@nats-io/nkeys'
import { publicKeyOf } from '../../shared/bus/nkey.ts'
import type { Site } from '../../shared/config/site.ts'
import { readTrustedSigners } from '../../shared/daemon/sealing-keys.ts'
import { sealingPublicKeyFile, sealingSeedFile, signingSeedFile } from '../../shared/daemon/state.ts'
import { type Check, type Finding, ok, problem } from './check.ts'

/** Of a site whose daemons are on several machines, each machine has its part of the keys: what is not here is not looked at. */
export function checkSealing({ sealing }: Pick<Site, 'sealing'>, root: string): Check {
  return {
    about: 'sealing',
    deadlineMs: 5_000,
    look: async () => {
      const seeds = [sealing.seedFile ?? sealingSeedFile(root), ...sealing.previousSeedFiles]
      const opened = await publicKeys(seeds, Prefix.Curve)
      const sealedTo = sealing.publicKey ?? (await ifThere(() => readText(sealingPublicKeyFile(root))))
      const signers = await publicKeys([sealing.signingKeyFile ?? signingSeedFile(root)], Prefix.Account)
      const trusted = sealing.trustedSigners ?? (await ifThere(() => readTrustedSigners(root))) ?? []
      return [
        ...fits(opened, sealedTo === undefined ? [] : [sealedTo], {
          fine: 'the distributor opens what the refresher seals',
          wrong: 'the refresher seals to a key whose seed the distributor does not have',
          fix: 'put the public half of sealing.seedFile into sealing.publicKey or sealing.pub',
        }),
        ...fits(trusted, signers, {
          fine: 'the distributor trusts the refresher’s signing key',
          wrong: 'the distributor does not trust the refresher’s signing key: it would push nothing',
          fix: 'put its public half into sealing.trustedSigners or signing.pub',
        }),
      ]
    },
  }
}

/** Says nothing where one of the two sides is not here. */
function fits(
  accepted: readonly string[],
  used: readonly string[],
  { fine, wrong, fix }: { fine: string; wrong: string; fix: string },
): Finding[] {
  if (accepted.length === 0 || used.length === 0) return []
  return used.every((key) => accepted.includes(key))
    ? [ok('sealing', fine)]
    : [problem('sealing', wrong, fix)]
}

/** Of the seeds that can be read here. */
async function publicKeys(files: readonly string[], kind: Prefix): Promise<string[]> {
  const readable = files.filter(isReadable)
  return Promise.all(
    readable.map(async (file) => publicKeyOf(new TextEncoder().encode(await readText(file)), kind)),
  )
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

const readText = async (file: string) => (await readFile(file, 'utf8')).trim()
const ifThere = <T>(read: () => Promise<T>): Promise<T | undefined> => read().catch(() => undefined)
