/** Every daemon uses the newest good configuration when a run starts, and says so where it is not the planner's. */
import type { Logger } from 'pino'
import { type Bus, onStatus } from '../bus/connect.ts'
import { readMessage } from '../bus/parse-message.ts'
import { formatProblem } from '../config/read/problem.ts'
import type { SiteSource } from '../config/read/source.ts'
import { needsRestart } from '../config/restart.ts'
import type { Site } from '../config/site.ts'
import { runStarted } from '../contracts/messages.ts'
import { runSubject } from '../contracts/subjects.ts'

/** Reads the file again, and says what of it needs a restart. A broken one is logged once, and the last good one stays in force. */
export function reloadSite(config: SiteSource, log: Logger): Site {
  const before = config.current()
  const { changed, problems } = config.reload()
  if (changed) {
    log.info({ configHash: config.current().hash }, 'a new configuration is in force')
    const keys = needsRestart(before, config.current())
    if (keys.length > 0)
      log.warn({ keys }, 'these keys were changed and count only once this daemon is started again')
  }
  for (const problem of problems ?? [])
    log.error(
      { problem: formatProblem(problem) },
      'the configuration was changed and is wrong: the last good one stays',
    )
  return config.current()
}

/**
 * Reloads at every `run.started`, which is heard before any work of that run can come; and after the bus was away, when one
 * may have been missed. Until disposed.
 */
export function followConfig(config: SiteSource, { bus, log }: { bus: Bus; log: Logger }): Disposable {
  const starts = bus.nc.subscribe(runSubject('started'), {
    callback: (_error, message) => {
      const site = reloadSite(config, log)
      // The planners' consumers say what is wrong with one that cannot be read.
      const planned = readMessage(runStarted, message.data)
      if (planned && planned.configHash !== site.hash && (planned.part?.number ?? 1) === 1)
        log.error(
          { run: planned.run, ours: site.hash, theirs: planned.configHash, file: site.file },
          'this run was planned with another configuration than this daemon’s: make the files the same',
        )
    },
  })
  const connection = onStatus(bus.nc, { reconnect: () => void reloadSite(config, log) })
  return {
    [Symbol.dispose]() {
      starts.unsubscribe()
      connection[Symbol.dispose]()
    },
  }
}
