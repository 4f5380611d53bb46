/** Everything this process measures, as Prometheus reads it, without what has left the configuration. */
import type { Entry, Site } from '../../config/site.ts'
import './event-loop.ts'
import '../health.ts'
import './kept-metrics.ts'
import './metrics.ts'
import './queues.ts'
import { registry } from './registry.ts'
import { forgetSteps } from './steps.ts'
import './target-metrics.ts'

export const contentType = registry.contentType

const hooks = new Set<() => void>()

/** Runs `show` before every reading, until it is disposed. */
export function beforeScrape(show: () => void): Disposable {
  hooks.add(show)
  return { [Symbol.dispose]: () => void hooks.delete(show) }
}

type Labels = Readonly<Partial<Record<string, string | number>>>

/** The text of `/metrics`. */
export async function scrape(site: Pick<Site, 'entries'>): Promise<string> {
  await refreshSeries(site)
  return registry.metrics()
}

/** Before the registry is read: series of entries, services, nodes and configured credds that are gone are removed. */
export async function refreshSeries(site: Pick<Site, 'entries'>): Promise<void> {
  for (const show of hooks) show()
  const names = new Set(site.entries.map(({ name }) => name))
  forgetSteps((entry) => names.has(entry))
  const isConfigured = configuredIn(site)
  for (const metric of declared()) {
    if (!metric.labelNames.some((label) => placed.has(label))) continue
    for (const { labels } of (await metric.get()).values)
      if (!isConfigured(labels)) metric.remove(pick(labels, metric.labelNames))
  }
}

/** Of entries whose credds the collector names: those of the last token, by entry. */
const creddsOfLast = new Map<string, readonly string[]>()

/** From here on the entry has these credds and no other, where its configuration names none. */
export function noteCredds(entry: string, credds: readonly string[]): void {
  creddsOfLast.set(entry, credds)
}

/** Labels that name what the configuration names. */
const placed = new Set(['service', 'node', 'credd'])

/** What every metric of the library has, which its types leave out. */
interface Declared {
  readonly labelNames: readonly string[]
  get(): Promise<{ readonly values: readonly { readonly labels: Labels }[] }>
  remove(labels: Labels): void
}
const declared = () => registry.getMetricsAsArray() as unknown as readonly Declared[]

/** A histogram's values have labels of their own besides. */
const pick = (labels: Labels, names: readonly string[]): Labels =>
  Object.fromEntries(names.map((name) => [name, labels[name]]))

/**
 * Tells whether some entry of the site still has a series' labels. `service` may be an entry or its service. Where nothing
 * is known of an entry's credds, any may be one.
 */
function configuredIn({ entries }: Pick<Site, 'entries'>): (labels: Labels) => boolean {
  const named = new Map<string, Entry[]>()
  const nodesOf = new Map(entries.map((entry) => [entry, new Set(entry.nodes)]))
  for (const entry of entries)
    for (const name of new Set([entry.name, entry.service]))
      named.set(name, [...(named.get(name) ?? []), entry])
  return ({ service, node, credd }) =>
    (service === undefined ? entries : (named.get(String(service)) ?? [])).some(
      (entry) =>
        (node === undefined || nodesOf.get(entry)?.has(String(node))) &&
        (credd === undefined || creddsOf(entry)?.includes(String(credd)) !== false),
    )
}

const creddsOf = ({ name, credds }: Pick<Entry, 'name' | 'credds'>) => credds ?? creddsOfLast.get(name)
