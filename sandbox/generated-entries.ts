/** Entries by the dozen, for tests and benchmarks that need a larger site than the default one. */
import type { SiteEntry } from './entry.ts'

/** How many of each: every entry goes to all of its site's nodes and credds. */
export interface SiteSize {
  readonly entries: number
  readonly nodes: number
  readonly credds: number
}

const numbered = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index + 1).padStart(2, '0')}.sandbox.test`)

/** `exp01_production` … with an account each; without credds the entries are plain `getToken` ones. */
export function generateEntries(size: SiteSize): SiteEntry[] {
  const nodes = numbered('node', size.nodes)
  const credds = numbered('credd', size.credds)
  return Array.from({ length: size.entries }, (_, index) => {
    const experiment = `exp${String(index + 1).padStart(2, '0')}`
    return {
      experiment,
      role: 'production',
      account: `${experiment}pro`,
      uid: 60_001 + index,
      uidFrom: 'config',
      nodes,
      credds,
      creddsFrom: size.credds > 0 ? 'collector' : 'none',
    }
  })
}
