/** Tells those who have a page open what has changed on it: what comes close together is told as one. */

import type { Board } from './board.ts'
import type { Facts } from './facts/facts.ts'
import type { Streams } from './streams.ts'

/** What a page listens to. `some`: a list of services in which not all are. */
export const topics = {
  all: 'all',
  some: 'some',
  experiment: (name: string) => `experiment ${name}`,
  run: (id: string) => `run ${id}`,
} as const

/** In milliseconds. `filtered`: a list that was asked for by words is asked for again as a whole. */
const every = { batch: 250, filtered: 5_000, asOf: 15_000, look: 60_000 }
/** More rows than this are not told one by one: the page is asked for again. */
const mostRows = 40

export interface LiveDeps {
  readonly facts: Facts
  readonly board: Board
  readonly streams: Streams
  /** The line that says of which moment everything is, and what stands above the list of all services. */
  readonly asOf: () => string
  readonly summary: () => Promise<string>
}

export function startLive({ facts, board, streams, asOf, summary }: LiveDeps): Disposable {
  const entries = new Set<string>()
  const runs = new Set<string>()
  let batch: NodeJS.Timeout | undefined
  let filteredAt = 0
  let told = ''

  const following = facts.onChange((change) => {
    if (change.kind === 'entry') entries.add(change.entry)
    else runs.add(change.run)
    batch ??= setTimeout(flush, every.batch)
  })

  function flush(): void {
    batch = undefined
    const rows: string[] = []
    const experiments = new Set<string>()
    for (const key of take(entries)) {
      const looked = board.look(key)
      if (!looked) continue
      if (looked.row) rows.push(looked.row)
      experiments.add(looked.entry.experiment).add(looked.entry.realExperiment)
    }
    for (const name of experiments) streams.send(topics.experiment(name), 'again')
    for (const run of take(runs)) streams.send(topics.run(run), 'again')
    tellRows(rows)
    void tellSummary()
  }

  function tellRows(rows: readonly string[]): void {
    if (rows.length === 0) return
    if (rows.length > mostRows) streams.send(topics.all, 'again')
    else for (const row of rows) streams.send(topics.all, 'part', row)
    if (Date.now() - filteredAt < every.filtered) return
    filteredAt = Date.now()
    streams.send(topics.some, 'again')
  }

  async function tellSummary(): Promise<void> {
    if (!streams.hasAny(topics.all)) return
    const now = await summary().catch(() => told)
    if (now === told) return
    told = now
    streams.send(topics.all, 'part', now)
  }

  const ticks = [
    setInterval(() => streams.sendAll('part', asOf()), every.asOf),
    setInterval(() => {
      board.lookAtAll().then(tellRows, () => undefined)
    }, every.look),
  ]
  for (const tick of ticks) tick.unref()

  return {
    [Symbol.dispose]() {
      following[Symbol.dispose]()
      clearTimeout(batch)
      for (const tick of ticks) clearInterval(tick)
    },
  }
}

/** What has gathered; from now on it gathers anew. */
function take<T>(gathered: Set<T>): T[] {
  const taken = [...gathered]
  gathered.clear()
  return taken
}
