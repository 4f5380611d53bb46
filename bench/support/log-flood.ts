/** Loaded into a daemon with `--import`: makes its own logger write ten thousand lines a second, from its first line on. */
import { tracingChannel } from 'node:diagnostics_channel'
import type { Logger } from 'pino'

/** Between two bursts (milliseconds), and lines in all (a second). */
const everyMs = 10
const linesPerSecond = 10_000

/** What the logger says of each line while it is made. */
const channel = tracingChannel<string, { readonly instance: Logger }>('pino_asJson')
const handlers = { start: ({ instance }: { readonly instance: Logger }) => flood(instance) }
channel.subscribe(handlers as never)

function flood(log: Logger): void {
  channel.unsubscribe(handlers as never)
  const started = performance.now()
  let written = 0
  setInterval(() => {
    const due = ((performance.now() - started) / 1_000) * linesPerSecond
    for (; written < due; written++) log.info({ n: written, code: 'bench' }, 'one of very many lines')
  }, everyMs).unref()
}
