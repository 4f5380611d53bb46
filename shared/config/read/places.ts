/** Where each key and each value of a file stands. */
import type { LineCounter, Node } from 'yaml'

export interface Place {
  readonly line: number
  readonly column: number
}
export type Path = readonly PropertyKey[]
export interface Finding extends Place {
  readonly severity: 'error' | 'warning'
  readonly path: string
  readonly message: string
}
export interface Places {
  /** Where the key (or list item) at this path, or its nearest parent, stands. */
  keyPlace(path: Path): Place
  /** Where its value stands. */
  valuePlace(path: Path): Place
  /** Is this key written in the file, be it without a value? */
  isWritten(path: Path): boolean
  /** Is any key written below this one? */
  hasBelow(path: Path): boolean
}
export interface OpenPlaces extends Places {
  /** Where a node stands; undefined for what is none. */
  find(node: unknown): Place | undefined
  noteKey(path: Path, place: Place): void
  noteValue(path: Path, place: Place): void
}

export const start: Place = { line: 1, column: 1 }

export const showPath = (path: Path) => path.map(String).join('.')
const indexOf = (path: Path) => path.map(String).join('\0')

export function openPlaces(lines: LineCounter): OpenPlaces {
  const keys = new Map<string, Place>()
  const parents = new Set<string>()
  const values = new Map<string, Place>()
  return {
    find(node) {
      const offset = (node as Node | null | undefined)?.range?.[0]
      return offset === undefined ? undefined : placeAt(lines, offset)
    },
    noteKey(path, place) {
      keys.set(indexOf(path), place)
      parents.add(indexOf(path.slice(0, -1)))
    },
    noteValue: (path, place) => values.set(indexOf(path), place),
    keyPlace: (path) => nearestIn(keys, path),
    valuePlace: (path) => nearestIn(values, path),
    isWritten: (path) => keys.has(indexOf(path)),
    hasBelow: (path) => parents.has(indexOf(path)),
  }
}

export function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset)
  return line > 0 ? { line, column: col } : start
}

function nearestIn(places: ReadonlyMap<string, Place>, path: Path): Place {
  for (let length = path.length; length > 0; length--) {
    const place = places.get(indexOf(path.slice(0, length)))
    if (place) return place
  }
  return start
}
