/** Every failure is told once and its end once, and nobody is asked to log in without need. Pure. */
import type { NewsRow } from '../../../shared/contracts/messages.ts'
import type { Told } from './world.ts'

export interface Hearing {
  /** In the order in which it came. */
  readonly told: readonly Told[]
  /** So many messages may have come twice: whoever sent them was disturbed. */
  readonly mayRepeat: number
  /** What failed in the end of a run, as the ledger has it: it has to have been told. */
  readonly failed: readonly { readonly entry: string; readonly where: string; readonly name: string }[]
  /** The notifier's memory was kept all the while. */
  readonly remembers: boolean
  /** Entries that are served in the end: nothing of them may stand there as failing. */
  readonly wanted: readonly string[]
}

const isFailing = ({ kind }: NewsRow) => kind === 'failure' || kind === 'authentication'

/** `<entry> <where> <name>` of everything that a piece of news is about. */
function thingsOf({ affected, entry, where, name }: NewsRow): string[] {
  if (affected) return affected.things.map((thing) => `${thing.entry} ${thing.where} ${thing.name}`)
  return entry && where ? [`${entry} ${where} ${name}`] : []
}

export function judgeTold({ told, mayRepeat, failed, remembers, wanted }: Hearing): string[] {
  const first = [...new Map(told.toReversed().map((one) => [one.id, one])).values()].toReversed()
  const repeated = told.length - first.length
  const walk = walkThrough(first)
  // Of many runs that are told at once it is told how it stands now: of the entry in any case.
  const everTold = new Set(first.flatMap(({ news }) => news.flatMap(thingsOf)).map(entryOf))
  const untold = failed.map(({ entry, where, name }) => `${entry} ${where} ${name}`)
  return [
    ...(repeated > mayRepeat ? [`${repeated} messages came twice, and ${mayRepeat} may have`] : []),
    ...(remembers ? walk.problems : []),
    ...(remembers
      ? [...walk.failing]
          .filter((thing) => wanted.includes(entryOf(thing)))
          .map((thing) => `nobody was told that it is over: ${thing}`)
      : []),
    ...(remembers
      ? [...new Set(untold)]
          .filter((thing) => !everTold.has(entryOf(thing)))
          .map((thing) => `nobody was told that it failed: ${thing}`)
      : []),
  ]
}

/**
 * What is told as failing until its end is told. What is over before anybody heard of it is told as over alone, once. What
 * was told of a cause stands until more is told of it; and what waits for a token that is not made goes on as that.
 */
function walkThrough(told: readonly Told[]): {
  readonly problems: string[]
  readonly failing: ReadonlySet<string>
} {
  /** What fails, and by which cause. */
  const failing = new Map<string, string>()
  const once = new Set<string>()
  const problems: string[] = []
  const mustBeNew = (what: string, say: string) => {
    if (once.has(what)) problems.push(say)
    once.add(what)
  }
  const forget = (isOver: (thing: string, cause: string) => boolean) => {
    for (const [thing, cause] of failing) if (isOver(thing, cause)) failing.delete(thing)
  }
  for (const { news, run, subject } of told) {
    const [, revoked] = /^managed-tokens: (.+) (?:revoked|is gone from everywhere)$/.exec(subject) ?? []
    forget((thing) => revoked?.split(', ').includes(entryOf(thing)) ?? false)
    for (const row of news) {
      const about = `${row.cause?.kind} ${row.cause?.name}`
      const wasFailing = new Set(failing.keys())
      if (row.cause) forget((_, cause) => cause === about)
      for (const thing of thingsOf(row)) {
        if (isFailing(row)) {
          mustBeNew(`${run} ${thing} ${row.code}`, `told twice of one run: ${thing} (${row.code}, ${run})`)
          failing.set(thing, about)
        } else if (row.kind === 'recovered') {
          failing.delete(thing)
          if (wasFailing.has(thing)) continue
          mustBeNew(`${thing} ${row.since}`, `told twice that it is over: ${thing}, since ${row.since}`)
          // That there was no token meanwhile is heard now.
          if (isRefresh(thing)) forget((one) => entryOf(one) === entryOf(thing) && wasFailing.has(one))
        }
      }
    }
    const withoutToken = news.filter(isFailing).flatMap(thingsOf).filter(isRefresh).map(entryOf)
    forget((thing) => !isRefresh(thing) && withoutToken.includes(entryOf(thing)))
  }
  return { problems, failing: new Set(failing.keys()) }
}

const isRefresh = (thing: string) => thing.split(' ')[1] === 'refresh'
const entryOf = (thing: string) => thing.split(' ')[0] ?? ''
