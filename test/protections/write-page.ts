/** Writes docs/faults.md anew. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSections } from '../docs/shown-by.ts'
import { lists } from './lists.ts'
import { writePage } from './page.ts'

const page = writePage(readSections('docs/fault-tests.md'), Object.values(await lists()).flat())
writeFileSync(join(import.meta.dirname, '../../docs/faults.md'), page)
