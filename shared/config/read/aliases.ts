/** What the aliases of a document lead to, found in one walk: the library looks through the whole document for each. */
import { type Alias, type Document, isAlias, isNode, type Node, visit } from 'yaml'

/** Each alias with the last node before it that has its anchor; without those that lead nowhere. */
export function aliasTargets(document: Document): ReadonlyMap<Alias, Node> {
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
