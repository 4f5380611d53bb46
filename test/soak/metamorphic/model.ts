/** What has to be so when all faults are over: which services are to have tokens, which must have none, and who may have been asked to log in. Pure. */
import { entryName, serviceName } from '../../../sandbox/entry.ts'
import { entries } from './kinds.ts'
import type { FaultStep, Plan, Step } from './schedule.ts'

export interface Desired {
  /** Entries that have to have their tokens everywhere. */
  readonly wanted: readonly string[]
  /** Nothing of them may be left anywhere. */
  readonly revoked: readonly string[]
  /** In no configuration any more: whatever they have stays as it is. */
  readonly removed: readonly string[]
}

export const isFault = (step: Step): step is FaultStep => step.what === 'fault'
const faultsOf = ({ steps }: Pick<Plan, 'steps'>, kind: string) =>
  steps.filter(isFault).filter((step) => step.kind === kind)

export function desiredAtTheEnd(plan: Pick<Plan, 'steps'>): Desired {
  const lasting = (kind: string) =>
    faultsOf(plan, kind)
      .filter(({ forMs }) => forMs === null)
      .map(({ on }) => on)
  const [revoked, removed] = [lasting('service revoked'), lasting('entry removed')]
  const gone = new Set([...revoked, ...removed])
  return { wanted: entries.map(entryName).filter((name) => !gone.has(name)), revoked, removed }
}

/** When at the earliest somebody of this entry may be asked to log in (milliseconds); undefined: never. */
export function loginAskedFrom(plan: Pick<Plan, 'steps'>, entry: string): number | undefined {
  const service = entries.filter((one) => entryName(one) === entry).map(serviceName)[0]
  return ['needs-onboarding', 'login-revoked']
    .flatMap((kind) => faultsOf(plan, kind))
    .filter(({ on }) => on === service)
    .map(({ at }) => at)
    .toSorted((a, b) => a - b)[0]
}

/** How often somebody who tells people may have died, or been left alone by the bus, between telling and writing that down. */
export const disturbances = ({ steps }: Pick<Plan, 'steps'>): number =>
  steps
    .filter(isFault)
    .filter(
      ({ kind, on, forMs }) =>
        on === 'notifier' ||
        on === 'nats-server' ||
        ['bus pause', 'stream removed', 'store wiped'].includes(kind) ||
        (/^(mail|slack)/.test(kind) && forMs !== 0),
    ).length

/** Whether what the notifier knows of failures may be lost: then it cannot tell that they are over. */
export const losesMemory = (plan: Pick<Plan, 'steps'>): boolean =>
  faultsOf(plan, 'store wiped').length > 0 ||
  faultsOf(plan, 'stream removed').some(({ on }) => ['KV_runs', 'TOKENS'].includes(on))
