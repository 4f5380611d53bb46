/** What hangs on a cause: what failed by it, and what waits for a token because of that. Pure. */
import { z } from '../../../shared/contracts/zod.ts'

/** So many are named where programs read them; all are counted. */
const mostThings = 200
/** So many are named where people read them. */
const mostNames = 10

const thing = z.object({
  entry: z.string(),
  service: z.string(),
  where: z.enum(['refresh', 'credd', 'node']),
  name: z.string(),
})

export const affected = z.object({
  things: z.array(thing).describe('What failed; no more than are worth naming.'),
  total: z.int().describe('How many things failed.'),
  entries: z.array(z.string()).describe('Whose they are.'),
  nodes: z.array(z.string()).describe('They wait for a token that was not made.'),
  credds: z.array(z.string()),
})
export type Affected = z.infer<typeof affected>
type Thing = z.infer<typeof thing>

const union = <T>(...lists: readonly (readonly T[])[]) => [...new Set(lists.flat())]
const nameOf = ({ entry, where, name }: Thing) => `${entry} ${where} ${name}`

export function affectedOf(
  things: readonly Thing[],
  waiting: readonly { readonly kind: 'credd' | 'node'; readonly name: string }[],
): Affected {
  const named = (kind: 'credd' | 'node') =>
    union(waiting.filter((one) => one.kind === kind).map(({ name }) => name)).toSorted()
  return {
    things: things
      .slice(0, mostThings)
      .map(({ entry, service, where, name }) => ({ entry, service, where, name })),
    total: things.length,
    entries: union(things.map(({ entry }) => entry)).toSorted(),
    nodes: named('node'),
    credds: named('credd'),
  }
}

/** Both together: something more has failed for the same cause. */
export function joinAffected(before: Affected, more: Affected): Affected {
  const known = new Set(before.things.map(nameOf))
  const added = more.things.filter((one) => !known.has(nameOf(one)))
  return {
    things: [...before.things, ...added].slice(0, mostThings),
    total: before.total + added.length,
    entries: union(before.entries, more.entries).toSorted(),
    nodes: union(before.nodes, more.nodes).toSorted(),
    credds: union(before.credds, more.credds).toSorted(),
  }
}

/** What is left when these things are not among it. */
export function withoutThings(before: Affected, isGone: (thing: Thing) => boolean): Affected {
  const gone = before.things.filter(isGone)
  if (gone.length === 0) return before
  const things = before.things.filter((one) => !gone.includes(one))
  const stay = new Set(things.map(({ entry }) => entry))
  const entries = before.entries.filter(
    (entry) => stay.has(entry) || !gone.some((one) => one.entry === entry),
  )
  return { ...before, things, total: before.total - gone.length, entries }
}

/** `4 services`. */
export const countServices = ({ entries }: Pick<Affected, 'entries'>) => counted(entries.length, 'service')

/** `dune_production, nova_analysis; 12 nodes and 2 credds wait for a token`; empty where nothing else hangs on it. */
export function sayAffected({ total, entries, nodes, credds }: Affected): string {
  const waiting = [
    ...(nodes.length > 0 ? [counted(nodes.length, 'node')] : []),
    ...(credds.length > 0 ? [counted(credds.length, 'credd')] : []),
  ].join(' and ')
  const verb = nodes.length + credds.length === 1 ? 'waits' : 'wait'
  // Of one service alone, the headline names it, and few enough wait to be named.
  const names = total > 1 ? '' : `: ${listNames([...nodes, ...credds])}`
  return [
    ...(total > 1 ? [listNames(entries)] : []),
    ...(waiting ? [`${waiting} ${verb} for a token${names}`] : []),
  ].join('; ')
}

/** The first of them, and how many more there are. */
export function listNames(names: readonly string[]): string {
  const rest = names.length - mostNames
  const shown = names.slice(0, mostNames).join(', ')
  return rest > 0 ? `${shown} and ${rest} more` : shown
}

export const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`
