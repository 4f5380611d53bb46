/** Reads `faults.json` with nothing but node:fs, so that the stand-in programs start fast; `faults.ts` checks what is written. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Faults } from './faults.ts'

/** The active faults of the sandbox in `dir`, read anew at each call so that tests can switch them at run time. */
export function readFaults(dir: string): Faults {
  try {
    return JSON.parse(readFileSync(join(dir, 'faults.json'), 'utf8')) as Faults
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** Whether a fault that is a list of names holds for this one; names of hosts also match without their domain. */
export function isAffected(names: readonly string[] | undefined, name: string): boolean {
  return names?.some((affected) => affected === name || affected === name.split('.')[0]) ?? false
}
