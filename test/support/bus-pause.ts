/** The only nats-server stands still: it takes connections and requests, and answers none. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pipeline } from './pipeline.ts'

/** Stops the server for so long, whatever is done meanwhile, and lets it go on. */
export async function whileBusStandsStill<T>(
  { supervisor }: Pick<Pipeline, 'supervisor'>,
  ms: number,
  meanwhile: () => T | Promise<T>,
): Promise<T> {
  if (!supervisor.kill('nats-server', 'SIGSTOP')) throw new Error('nats-server does not run')
  try {
    const [done] = await Promise.all([meanwhile(), sleep(ms)])
    return done
  } finally {
    supervisor.kill('nats-server', 'SIGCONT')
  }
}
