/** A storer's lease in a process of its own, to be killed or stopped: `hold-lease.ts URL SEED_FILE`. Answers `held?` over IPC. */
import pino from 'pino'
import { connectBus } from '../../shared/bus/connect.ts'
import { buckets } from '../../shared/contracts/subjects.ts'
import { keepLease } from '../../shared/work/lease.ts'

const [, , url = '', seedFile = ''] = process.argv
const bus = await connectBus({ servers: [url], user: 'storer', seedFile })
const lease = keepLease(await bus.bucket(buckets.leases), 'storer', {
  log: pino({ level: 'silent' }),
  async onTaken() {
    process.send?.('taken')
  },
})
process.on('message', async () => process.send?.(await lease.held()))
process.on('disconnect', () => process.exit(1))
process.send?.(await lease.held())
