/**
 * Mends what the private nats-server does not get over by itself: it gives JetStream up for good when its disk is full, and
 * may read streams back from a damaged disk so that nothing is found in them. One that stands still is left alone.
 */
import { statfs } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, connectBus, onStatus } from '../../shared/bus/connect.ts'
import { findDamaged } from '../../shared/bus/streams/damage.ts'
import { owned } from '../../shared/bus/streams/topology.ts'
import { natsFiles, seedFile } from '../../shared/daemon/state.ts'
import type { ChildEvent, KeptChild } from './child.ts'

export interface MendOptions {
  readonly server: Pick<KeptChild, 'kill'> & { readonly url: string }
  readonly stateRoot: string
  readonly onEvent: (event: ChildEvent) => void
  /** From one look to the next (milliseconds). */
  readonly everyMs?: number
}

/** So long an answer is waited for (milliseconds). */
const answerMs = 2_000
/** As much as the server needs to start with: this, or a tenth of a smaller disk (bytes). */
const roomToStart = 64 * 1024 * 1024

/** Looks from now on until disposed. Returns at once. */
export function mendServer({ server, stateRoot, onEvent, everyMs = 10_000 }: MendOptions): AsyncDisposable {
  const { store } = natsFiles(stateRoot)
  const stop = new AbortController()
  const connecting = connectBus({
    ...{ servers: [server.url], user: 'admin', seedFile: seedFile(stateRoot, 'admin') },
  })
  const watch = async () => {
    const bus = await connecting
    const mend = () => void removeDamaged(bus).catch(() => undefined)
    using _reconnects = onStatus(bus.nc, { reconnect: mend })
    mend()
    for (let wasOff = false; !stop.signal.aborted; ) {
      const isOff = await isJetStreamOff(bus, server.url)
      if (isOff && wasOff) {
        // Told to stop, it waits for what it cannot write.
        if (await hasRoom(store)) server.kill('SIGKILL')
        else onEvent({ type: 'no-room', name: 'nats-server', where: store })
      }
      wasOff = isOff
      await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  }
  const watching = watch().catch(() => undefined)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await connecting.then(({ nc }) => nc.close()).catch(() => undefined)
      await watching
    },
  }
}

/** Whoever owns it makes it again, and says so. */
async function removeDamaged(bus: Bus): Promise<void> {
  for (const { plan } of await findDamaged(bus, owned)) await bus.jsm.streams.delete(plan.config.name)
}

/** The server lets us in, and JetStream on it does not answer: whose connection has asked it hears nothing more. */
async function isJetStreamOff(bus: Bus, url: string): Promise<boolean> {
  const visiting = bus.visit(url)
  const leave = () => void visiting.then(({ nc }) => nc.close()).catch(() => undefined)
  if (!(await isInTime(visiting))) {
    leave()
    return false
  }
  const isOn = await isInTime(visiting.then(({ jsm }) => jsm.getAccountInfo()))
  leave()
  return !isOn
}

function isInTime(asked: Promise<unknown>): Promise<boolean> {
  const answered = asked.then(
    () => true,
    () => false,
  )
  return Promise.race([answered, sleep(answerMs, false, { ref: false })])
}

async function hasRoom(directory: string): Promise<boolean> {
  const { bavail, blocks, bsize } = await statfs(directory)
  return bavail * bsize >= Math.min(roomToStart, (blocks * bsize) / 10)
}
