/** Every key of the configuration, of its JSON Schema. Pure. */

export interface Key {
  readonly name: string
  /** What it stands in: `timeouts`, `experiments.<experiment>.roles`; empty at the top. */
  readonly parent: string
  readonly meaning: string
  /** What may stand there, in words; empty where the meaning alone says it. */
  readonly value: string
  /** What counts without it; empty where that is not one value. */
  readonly fallback: string
}

interface Node {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: Node | boolean
  readonly items?: Node
  readonly anyOf?: readonly Node[]
}

/** In the order of the schema, each before those below it. */
export function* keysOf(schema: object, path: readonly string[] = []): Generator<Key> {
  const node: Node = schema
  for (const [name, below] of Object.entries(node.properties ?? {})) {
    const meaning = below.description ?? ''
    yield { name, parent: path.join('.'), meaning, value: wordsFor(below), fallback: fallbackOf(below) }
    yield* keysOf(below, [...path, name])
  }
  if (typeof node.additionalProperties === 'object')
    yield* keysOf(node.additionalProperties, [...path, placeholders[path.at(-1) ?? ''] ?? '<name>'])
  for (const below of [...(node.anyOf ?? []), ...(node.items ? [node.items] : [])]) yield* keysOf(below, path)
}

/** A map's keys are names of the site's own. */
const placeholders: Readonly<Record<string, string>> = { experiments: '<experiment>', roles: '<role>' }

function wordsFor(node: Node): string {
  if (node.anyOf) return [...new Set(node.anyOf.map(wordsFor).filter(Boolean))].join(' or ')
  if (node.enum) return node.enum.join(', ')
  if ('const' in node) return String(node.const)
  switch (node.type) {
    case 'boolean':
      return 'true or false'
    case 'integer':
    case 'number':
      return `${node.minimum ?? '…'} to ${node.maximum ?? '…'}`
    case 'array':
      return 'a list'
    default:
      return ''
  }
}

/** Sections have none of their own: their keys have. */
function fallbackOf({ default: value = '' }: Node): string {
  if (Array.isArray(value)) return value.join(', ') || 'none'
  return typeof value === 'object' ? '' : String(value)
}
