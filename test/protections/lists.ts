/** The protections that are listed, by the name of their list. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Protection } from './protection.ts'

const folder = join(import.meta.dirname, 'list')

/** Reads all lists in `list/`. */
export async function lists(): Promise<Record<string, readonly Protection[]>> {
  const found: Record<string, readonly Protection[]> = {}
  for (const file of readdirSync(folder).sort()) {
    const { protections } = (await import(join(folder, file))) as { protections: readonly Protection[] }
    found[file.replace('.ts', '')] = protections
  }
  return found
}
