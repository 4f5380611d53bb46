/** The pairs of a YAML map with its merge keys (`<<`) followed, which the parser leaves alone in YAML 1.2. */
import { isMap, isScalar, isSeq, type Pair, type YAMLMap } from 'yaml'

/** Maps that one may merge in, those that these merge in counted. */
const mostMerged = 1_000

/** The file says more than can be read. */
export class TooMuch extends Error {
  override readonly name = 'TooMuch'
}

/** An alias's target, anything else itself. */
export type Follow = (node: unknown) => unknown

/** A map's own pairs, then those it merges in with `<<` and does not have itself (in any case of its keys). */
export function mergedPairs(map: YAMLMap, follow: Follow, seen = new Set<unknown>()): Pair[] {
  if (seen.has(map)) return []
  if (seen.size >= mostMerged) throw new TooMuch()
  seen.add(map)
  const isMerge = (pair: Pair) => isScalar(pair.key) && pair.key.value === '<<'
  const own = map.items.filter((pair) => !isMerge(pair))
  const names = new Set(own.map((pair) => keyText(pair.key, follow).toLowerCase()))
  for (const pair of map.items.filter(isMerge)) {
    const target = follow(pair.value)
    for (const source of isSeq(target) ? target.items.map(follow) : [target]) {
      if (!isMap(source)) continue
      for (const merged of mergedPairs(source, follow, seen)) {
        const name = keyText(merged.key, follow).toLowerCase()
        if (!names.has(name)) own.push(merged)
        names.add(name)
      }
    }
  }
  return own
}

/** A key as it is written. */
export const keyText = (key: unknown, follow: Follow): string => {
  const node = follow(key)
  return isScalar(node) ? (node.source ?? String(node.value)) : ''
}
