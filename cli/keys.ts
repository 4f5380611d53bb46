/** `managed-tokens keys`: the keys of everybody on the bus and of sealing, for a site that runs its own nats-server. */
import { keyVariable } from '../shared/bus/nats-conf.ts'
import { natsUsers } from '../shared/bus/permissions.ts'
import { sealingPublicKeyFile, seedFile, trustedSignersFile } from '../shared/daemon/state.ts'
import { ensureNatsKeys, ensureSealingKeys } from './up/credentials.ts'
import { ensureStateRoot } from './up/state-root.ts'

/**
 * Makes the keys that are missing under `root` and leaves the others alone. Prints the users' public halves, as lines for the
 * environment of nats-server (with `lab` in their names, where several share it); seeds stay in their files, readable by their owner only.
 */
export async function printKeys(root: string, json: boolean, lab?: string): Promise<void> {
  await ensureStateRoot(root)
  const publicKeys = await ensureNatsKeys(root)
  await ensureSealingKeys(root)
  const variables = natsUsers.map((user) => [keyVariable(user, lab), publicKeys[user]] as const)
  process.stdout.write(
    json
      ? `${JSON.stringify(Object.fromEntries(variables))}\n`
      : variables.map(([name, key]) => `${name}=${key}\n`).join(''),
  )
  process.stderr.write(
    `managed-tokens: seeds are in ${seedFile(root, 'refresher')} and beside it, tokens are sealed to ${sealingPublicKeyFile(root)} and signed by ${trustedSignersFile(root)}\n`,
  )
}
