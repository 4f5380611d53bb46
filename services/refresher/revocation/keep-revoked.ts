/**
 * Keeps the list of revoked services in this refresher's state and on the bus. What is to be revoked is on disk first; an
 * emptied bus gets it again from there, and until then every daemon stands still.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KV } from '@nats-io/kv'
import { writeAt } from '../../../shared/bus/compare-and-set.ts'
import { type PatienceOptions, patiently } from '../../../shared/bus/patiently.ts'
import { readValue } from '../../../shared/bus/read-value.ts'
import { revokedKey } from '../../../shared/contracts/subjects.ts'
import { writeFileAtomic } from '../../../shared/daemon/atomic-file.ts'
import { mergeRevoked, type RevokedList, revokedList } from '../../../shared/work/revoked.ts'

export interface KeptRevoked {
  /** What file and bus say together, once both have it. Throws where the file is there and cannot be read: then nothing is written. */
  read(): Promise<RevokedList>
  /** On disk and on the bus when it returns. `make` may be asked several times. */
  change(make: (list: RevokedList) => RevokedList): Promise<RevokedList>
}

const nobody: RevokedList = { services: [] }

export function openKeptRevoked(
  bucket: KV,
  stateDirectory: string,
  patience: PatienceOptions = {},
): KeptRevoked {
  const file = join(stateDirectory, 'revoked.json')
  let before: Promise<unknown> = Promise.resolve()

  async function changeNow(make: (list: RevokedList) => RevokedList): Promise<RevokedList> {
    const inFile = await readList(file)
    for (;;) {
      const onBus = await patiently(() => readValue(bucket, revokedKey, revokedList), patience)
      const next = make(mergeRevoked(inFile ?? nobody, onBus.value ?? nobody))
      if (!isSame(inFile, next)) await writeFileAtomic(file, `${JSON.stringify(next, null, 2)}\n`)
      if (isSame(onBus.value, next)) return next
      const write = () => writeAt(bucket, revokedKey, JSON.stringify(next), onBus.revision)
      if ((await patiently(write, patience)) !== undefined) return next
    }
  }

  const change: KeptRevoked['change'] = (make) => {
    const changed = before.then(() => changeNow(make))
    before = changed.catch(() => undefined)
    return changed
  }
  return { change, read: () => change((list) => list) }
}

async function readList(file: string): Promise<RevokedList | undefined> {
  try {
    return revokedList.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(
      `${file} cannot be read as the list of revoked services: put back a good copy, such as another refresher's`,
    )
  }
}

const isSame = (one: RevokedList | undefined, other: RevokedList) =>
  one !== undefined && JSON.stringify(one) === JSON.stringify(other)
