/** An administrator of a private server of ours, who may remove what lies there: no user of ours may. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createUser } from '@nats-io/nkeys'
import { type Bus, connectBus } from '../../shared/bus/connect.ts'
import { natsFiles } from '../../shared/daemon/state.ts'
import { eventually } from './latch.ts'

/** Lets one more user in; `reload` sends SIGHUP to the server. The caller closes the connection. */
export async function connectAlmighty(stateRoot: string, url: string, reload: () => void): Promise<Bus> {
  const { conf } = natsFiles(stateRoot)
  const user = createUser()
  const seedFile = join(stateRoot, 'almighty.nk')
  await writeFile(seedFile, user.getSeed(), { mode: 0o600 })
  const text = await readFile(conf, 'utf8')
  await writeFile(conf, text.replace('users: [', `users: [\n    { nkey: ${user.getPublicKey()} }`))
  reload()
  let bus: Bus | undefined
  await eventually(async () => {
    bus ??= await connectBus({ servers: [url], user: 'almighty', seedFile, once: true }).catch(
      () => undefined,
    )
    // A server that reads its configuration again may be without JetStream for a moment.
    return (await bus?.jsm.getAccountInfo().catch(() => undefined)) !== undefined
  }, 'the server knows its administrator')
  if (!bus) throw new Error('not connected')
  return bus
}
