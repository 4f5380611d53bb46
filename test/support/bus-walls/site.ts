/** A bus with everything made on it, a connection for each of its users, and one of somebody who sees and may everything. */
import { type Bus, connectBus } from '../../../shared/bus/connect.ts'
import { type NatsUser, natsUsers } from '../../../shared/bus/permissions.ts'
import { ensureConsumer, ensureOwned } from '../../../shared/bus/streams/topology.ts'
import { daemons } from '../../../shared/contracts/subjects.ts'
import { connectAlmighty } from '../almighty.ts'
import { startTestNats } from '../nats.ts'
import { durables } from './universe.ts'

export interface Walls extends AsyncDisposable {
  readonly version: string
  /** One more connection with the user's key; the caller closes it. */
  open(user: NatsUser): Promise<Bus>
  readonly bus: Readonly<Record<NatsUser, Bus>>
  readonly almighty: Bus
  /** Makes what is missing, as the daemons do. */
  makeAll(): Promise<void>
}

const filters: Readonly<Record<string, string>> = {
  'refresher-plan': 'run.started',
  'storer-plan': 'token.ready.*.*',
  'distributor-plan': 'token.ready.*.*',
  'distributor-plan-stored': 'token.stored.*.*',
}

export async function openWalls(): Promise<Walls> {
  await using stack = new AsyncDisposableStack()
  const nats = stack.use(await startTestNats())
  const open = (user: NatsUser) =>
    connectBus({ servers: [nats.url], user, seedFile: nats.seedFile(user), once: true })
  const bus = {} as Record<NatsUser, Bus>
  for (const user of natsUsers) {
    bus[user] = await open(user)
    stack.defer(() => bus[user].nc.close())
  }
  const almighty = await connectAlmighty(nats.stateRoot, nats.url, () => process.kill(nats.pid(), 'SIGHUP'))
  stack.defer(() => almighty.nc.close())
  const makeAll = async () => {
    for (const daemon of daemons) await ensureOwned(bus[daemon], daemon)
    for (const [consumer, stream] of Object.entries(durables)) {
      const daemon = daemons.find((one) => consumer.startsWith(one))
      if (daemon) await ensureConsumer(bus[daemon], stream, consumer as never, filters[consumer])
    }
  }
  await makeAll()
  const opened = stack.move()
  return {
    version: almighty.nc.info?.version ?? '',
    open,
    bus,
    almighty,
    makeAll,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
