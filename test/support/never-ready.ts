/** A daemon that opens its tickets and then waits for ever for something that others make. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runDaemon } from '../../shared/daemon/run-daemon.ts'
import { openTickets } from '../../shared/kerberos/kinit.ts'

await runDaemon('refresher', {
  needs: { streams: [], buckets: [] },
  async open({ stateDirectory, stack }) {
    const tickets = join(stateDirectory, 'tickets')
    stack.use(await openTickets(tickets))
    await writeFile(join(tickets, 'some.ccache'), 'not a ticket')
    process.send?.('opened')
    return new Promise(() => {})
  },
})
