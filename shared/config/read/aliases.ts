/** Follows a document's aliases: where each leads is found in one walk, since the library looks through it all for each. */
import { type Alias, type Document, isAlias, isNode, type Node, visit } from 'yaml'
import { type Follow, TooMuch } from './merged-pairs.ts'

/** Values that a file may have, those behind an alias counted each time: of a few lines they could be billions. */
const mostValues = 500_000

/** `tellLost` hears of each alias that leads nowhere, once. */
export function openFollow(document: Document, tellLost: (alias: Alias) => void): Follow {
  const targets = aliasTargets(document)
  const lost = new Set<Alias>()
  let followed = 0
  return (node) => {
    followed += 1
    if (followed > mostValues) throw new TooMuch()
    if (!isAlias(node)) return node
    const target = targets.get(node)
    if (target === undefined && !lost.has(node)) tellLost(node)
    lost.add(node)
    return target
  }
}

/** Each alias with the last node before it that has its anchor; without those that lead nowhere. */
function aliasTargets(document: Document): ReadonlyMap<Alias, Node> {
  const anchored = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  visit(document, (_key, node) => {
    if (isAlias(node)) {
      const target = anchored.get(node.source)
      if (target) targets.set(node, target)
    } else if (isNode(node) && 'anchor' in node && node.anchor) anchored.set(node.anchor, node)
  })
  return targets
}
