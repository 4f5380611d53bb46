/** Looks at every place of a token while the soak goes on, and keeps what it met there, in order. */
import { closeSync, constants, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { creddsOf, serviceName } from '../../../sandbox/entry.ts'
import { creddFile, nodeTmp } from '../../../sandbox/layout.ts'
import type { SandboxSite } from '../../../sandbox/site.ts'
import { entries } from './kinds.ts'
import { tokenPlaces } from './plant.ts'

/** A place where tokens of one service lie. */
export interface Place {
  readonly path: string
  /** For people. */
  readonly name: string
  readonly service: string
  readonly kind: 'node' | 'credd'
}

/** Something else lies there than at the last look. */
export interface Seen {
  readonly place: Place
  /** Milliseconds from the beginning. */
  readonly at: number
  /** Undefined: nothing that can be read. A secret. */
  readonly content: string | undefined
}

export interface Observer extends AsyncDisposable {
  /** What was seen so far, after a last look. */
  look(): readonly Seen[]
}

const everyMs = 150

export function placesOf({ layout }: Pick<SandboxSite, 'layout'>): Place[] {
  const onNodes = tokenPlaces.map(({ node, name, entry }) => ({
    ...{ path: join(nodeTmp(layout, node), name), name: `${node}:/tmp/${name}` },
    ...{ service: serviceName(entry), kind: 'node' as const },
  }))
  const inCredds = entries.flatMap((entry) =>
    creddsOf([entry]).map((credd) => ({
      path: creddFile(layout, credd, entry.account, serviceName(entry)),
      ...{ name: `${credd}:${serviceName(entry)}`, service: serviceName(entry), kind: 'credd' as const },
    })),
  )
  return [...onNodes, ...inCredds]
}

export function observe(places: readonly Place[], sinceStart: () => number): Observer {
  const seen: Seen[] = []
  const last = new Map<Place, string | undefined>()
  const stopped = new AbortController()
  const look = () => {
    for (const place of places) {
      const content = readRegular(place.path)
      if (last.has(place) && last.get(place) === content) continue
      last.set(place, content)
      seen.push({ place, at: sinceStart(), content })
    }
    return seen
  }
  const looking = (async () => {
    for (
      ;
      !stopped.signal.aborted;
      await sleep(everyMs, undefined, { signal: stopped.signal }).catch(() => {})
    )
      look()
  })()
  return {
    look,
    async [Symbol.asyncDispose]() {
      stopped.abort()
      await looking
    },
  }
}

/** A pipe that somebody planted must not hang us, and a link not lead us elsewhere. */
function readRegular(path: string): string | undefined {
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    return readFileSync(fd, 'utf8')
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
