/** The page of one experiment: its services, what is wrong with them, and its last runs. Pure. */

import { rowId } from './fleet.ts'
import type { Place, Problem, State } from './place.ts'
import { inOrder, type Service } from './service.ts'
import { turnWords } from './turn.ts'
import { ago, exact, inWords, left, plural } from './words.ts'

/** A time in words, and exactly. */
export interface Moment {
  readonly words: string
  readonly exact: string
  readonly iso: string
}

export interface PlaceRow {
  readonly kind: Place['kind']
  readonly name: string
  readonly state: State
  readonly success: Moment | null
  readonly expiry: Moment | null
  readonly since: Moment | null
  readonly runs: string
  readonly problem: Problem | null
  readonly turn: string
}

export interface Block {
  readonly id: string
  readonly entry: string
  readonly service: string | null
  readonly account: string
  readonly uid: string
  readonly state: State
  readonly turn: string
  readonly rows: readonly PlaceRow[]
}

/** The blocks of an experiment's services, what needs somebody first. */
export const blocksOf = (services: readonly Service[], now: number): Block[] =>
  inOrder(services).map((one) => ({
    ...{ id: rowId(one.entry), entry: one.entry, account: one.account, state: one.state },
    service: one.service === one.entry ? null : one.service,
    uid: one.uid === null ? 'not known yet' : String(one.uid),
    turn: turnWords(one),
    rows: [one.token, ...one.places].map((place) => placeRow(place, one, now)),
  }))

const moment = (at: string | null, words: (at: string) => string): Moment | null =>
  at === null ? null : { words: words(at), exact: exact(at), iso: new Date(at).toISOString() }

const placeRow = (place: Place, { experiment }: Service, now: number): PlaceRow => ({
  ...{ kind: place.kind, name: place.name, state: place.state, problem: place.problem },
  success: moment(place.lastSuccess, (at) => ago(at, now)),
  expiry: moment(place.expiry, (at) => left(at, now)),
  since: moment(place.since, (at) =>
    now - Date.parse(at) < 60_000 ? 'less than a minute' : inWords(now - Date.parse(at)),
  ),
  runs: place.runs ? plural(place.runs, 'run') : '',
  turn: turnWords({ state: place.state, turn: place.problem?.turn ?? null, experiment }),
})

/** Whether a service is this experiment's: as configured, or as the token issuer knows it. */
export const isOf = (
  name: string,
  entry: { readonly experiment: string; readonly realExperiment: string },
): boolean => entry.experiment === name || entry.realExperiment === name

/** When the next scheduled run starts. */
export const nextRun = (next: number | undefined, now: number): Moment | null =>
  next === undefined
    ? null
    : { words: `in ${inWords(next - now)}`, exact: exact(next), iso: new Date(next).toISOString() }
