/** `managed-tokens run --list-services`: the names alone, from the configuration, as the predecessor prints them. */

import { loadSite } from '../shared/config/load.ts'
import { findConfigFile } from '../shared/config/read/find.ts'

/** One name a line, or a JSON array of them. */
export function listServiceNames({ config, json }: { config?: string; json?: boolean }): string {
  const names = loadSite(findConfigFile(config)).site.entries.map(({ name }) => name)
  return json ? `${JSON.stringify(names)}\n` : names.map((name) => `${name}\n`).join('')
}
