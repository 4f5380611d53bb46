/** The page of all experiments: one row a service, what needs somebody first. Pure. */
import { type Place, type State, states, worstOf } from './place.ts'
import { inOrder, orderOf, type Service } from './service.ts'
import { shortName, turnWords } from './turn.ts'
import { inWords } from './words.ts'

/** A service in one line. Has nothing in it that changes only because time passes, but how many days are left. */
export interface Row {
  readonly id: string
  /** Rows are sorted by this text. */
  readonly order: string
  readonly entry: string
  /** Where it is not the entry's name. */
  readonly service: string | null
  readonly experiment: string
  readonly state: State
  readonly cells: readonly Cell[]
  /** `6 days left` of the token that ends first; empty where none is known. */
  readonly left: string
  readonly turn: string
  /** What is wrong at the worst place, and what to do about it. */
  readonly why: string
  readonly todo: string
}

export interface Cell {
  readonly kind: Place['kind']
  readonly name: string
  readonly short: string
  readonly state: State
}

export const rowId = (entry: string): string => `s-${Buffer.from(entry).toString('base64url')}`

export function rowOf(service: Service, now: number): Row {
  const { entry, token, places } = service
  const worst = worstOf([token, ...places])
  const shown = token.state === 'failing' ? [token, ...places] : places
  return {
    ...{ id: rowId(entry), order: orderOf(service), entry, experiment: service.experiment },
    service: service.service === entry ? null : service.service,
    state: service.state,
    cells: shown.map(({ kind, name, state }) => ({
      ...{ kind, name, state },
      short: kind === 'token' ? 'token' : shortName(name),
    })),
    left: leftOf(service, now),
    turn: turnWords(service),
    ...{ why: worst?.problem?.message ?? '', todo: worst?.problem?.action ?? '' },
  }
}

/** Of the token that ends first. */
function leftOf({ token, places }: Service, now: number): string {
  const ends = [token, ...places].flatMap(({ expiry }) => (expiry ? [Date.parse(expiry)] : []))
  if (ends.length === 0) return ''
  const ms = Math.min(...ends) - now
  return ms > 0 ? `${coarse(ms)} left` : 'ended'
}

/** In steps that do not make every row new at every moment. */
const coarse = (ms: number) => (ms < 2 * 3_600_000 ? 'under 2 hours' : inWords(ms))

/** Which rows are asked for. */
export interface Filter {
  readonly q: string
  readonly state: State | ''
}

export interface Fleet {
  /** The whole in one sentence. */
  readonly headline: string
  readonly worst: State
  readonly counts: readonly { readonly state: State; readonly count: number; readonly isChosen: boolean }[]
  readonly total: number
  readonly q: string
  readonly chosen: string
  readonly rows: readonly Service[]
}

export function fleetOf(services: readonly Service[], { q, state }: Filter): Fleet {
  const wanted = q.trim().toLowerCase()
  const found = services.filter(
    (one) => (state === '' || one.state === state) && (wanted === '' || searchText(one).includes(wanted)),
  )
  return {
    ...headlineOf(services),
    counts: states.map((one) => ({
      ...{ state: one, isChosen: one === state },
      count: services.filter((service) => service.state === one).length,
    })),
    ...{ total: services.length, q, chosen: state, rows: inOrder(found) },
  }
}

const searchText = ({ entry, service, account, places }: Service) =>
  [entry, service, account, ...places.map(({ name }) => name)].join(' ').toLowerCase()

/** The whole in one sentence, and how bad it is. */
export function headlineOf(services: readonly Service[]): Pick<Fleet, 'headline' | 'worst'> {
  const [first] = inOrder(services)
  if (!first) return { headline: 'No service is configured', worst: 'never' }
  const count = services.filter(({ state }) => state === first.state).length
  const some = someOf(count, services.length)
  const is = count === 1 ? 'is' : 'are'
  const sentences: Record<State, string> = {
    failing: `${some} ${is} failing`,
    old: `${some} ${is} old: nothing was renewed lately`,
    never: `${some} never had a token yet`,
    revoked: `${some} ${is} revoked`,
    fresh: `${some} ${is} fresh`,
  }
  return { headline: sentences[first.state], worst: first.state }
}

function someOf(count: number, all: number): string {
  if (all === 1) return 'The only service'
  return count === all ? `All ${all} services` : `${count} of ${all} services`
}
