/** Every service as it stands, and its row as it is shown: made anew only for what has changed. */
import { setImmediate } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Entry, Site } from '../../../shared/config/site.ts'
import { entryKey, type Facts } from './facts/facts.ts'
import { renderRow } from './html/render.ts'
import { type Row, rowOf } from './view/fleet.ts'
import type { Freshness } from './view/place.ts'
import { freshnessOf, type Service, serviceOf } from './view/service.ts'

export interface Board {
  /** Those of these entries, or of all that are configured, in the configuration's order. */
  services(which?: (entry: Entry) => boolean): readonly Service[]
  row(entry: string): string
  /** Looks at one entry again; its row where that is another now. */
  look(key: string): { readonly entry: Entry; readonly row: string | undefined } | undefined
  /** Looks at everything again, as time passes and configurations change; the rows that are others now. */
  lookAtAll(): Promise<readonly string[]>
}

/** How many are looked at before others have their turn: the notifier has other things to do. */
const atOnce = 100
/** How long the distance between two runs is taken for the same (milliseconds). */
const keptMs = 60_000

export function openBoard(site: () => Site, facts: Facts, base: string): Board {
  const shown = new Map<string, { readonly service: Service; readonly row: Row; readonly html: string }>()
  const freshness = freshnessNow(site)
  let known: { readonly site: Site; readonly byKey: ReadonlyMap<string, Entry> } | undefined

  function entries(): ReadonlyMap<string, Entry> {
    const current = site()
    if (known?.site !== current)
      known = { site: current, byKey: new Map(current.entries.map((entry) => [entryKey(entry), entry])) }
    return known.byKey
  }

  /** The row, where it is another now. */
  function show(entry: Entry, now: number): string | undefined {
    const service = serviceOf(entry, facts, freshness(now), now)
    const row = rowOf(service, now)
    const before = shown.get(entry.name)
    const html = before && isDeepStrictEqual(before.row, row) ? before.html : renderRow(row, base)
    shown.set(entry.name, { service, row, html })
    return html === before?.html ? undefined : html
  }

  return {
    services(which = () => true) {
      const now = Date.now()
      return [...entries().values()].filter(which).map((entry) => {
        if (!shown.has(entry.name)) show(entry, now)
        return shown.get(entry.name)?.service as Service
      })
    },
    row: (entry) => shown.get(entry)?.html ?? '',
    look(key) {
      const entry = entries().get(key)
      return entry && { entry, row: show(entry, Date.now()) }
    },
    async lookAtAll() {
      const changed: string[] = []
      let count = 0
      for (const entry of entries().values()) {
        const row = show(entry, Date.now())
        if (row) changed.push(row)
        count += 1
        if (count % atOnce === 0) await setImmediate()
      }
      return changed
    },
  }
}

/** To evaluate the schedule takes longer than all the rest. */
function freshnessNow(site: () => Site): (now: number) => Freshness {
  let known: { readonly site: Site; readonly until: number; readonly freshness: Freshness } | undefined
  return (now) => {
    const current = site()
    if (known?.site !== current || now >= known.until)
      known = { site: current, until: now + keptMs, freshness: freshnessOf(current, now) }
    return known.freshness
  }
}
