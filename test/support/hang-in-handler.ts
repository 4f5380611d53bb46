/** A refresher in a process of its own, to be killed: `hang-in-handler.ts URL SEED_FILE ACK_WAIT_MS`. Says when it works, and never ends. */
import pino from 'pino'
import { connectBus } from '../../shared/bus/connect.ts'
import { refreshItem } from '../../shared/contracts/messages.ts'
import { consumers, streams } from '../../shared/contracts/subjects.ts'
import { consume } from '../../shared/work/consume/consume.ts'

const [, , url = '', seedFile = '', ackWait = ''] = process.argv
const bus = await connectBus({ servers: [url], user: 'refresher', seedFile })
await consume(
  {
    stream: streams.refresh,
    consumer: consumers.refresher,
    schemaOf: () => refreshItem,
    concurrency: 1,
    async handle() {
      process.send?.('working')
      return new Promise(() => {})
    },
  },
  { bus, log: pino({ level: 'silent' }), timing: { ackWaitMs: Number(ackWait) } },
)
// Whatever kills the tests must not leave this behind.
process.on('disconnect', () => process.exit(1))
