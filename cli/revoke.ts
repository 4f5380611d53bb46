/** `managed-tokens revoke` and `restore`, as the bus user `responder`: ask, look on, and say what is left. */
import { createInterface } from 'node:readline/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunStatus } from '../services/notifier/ledger/answer-status.ts'
import type { RestoreAnswer, RevokeAnswer } from '../services/refresher/revocation/answer-revoke.ts'
import type { Bus } from '../shared/bus/connect.ts'
import { requests } from '../shared/contracts/subjects.ts'
import { serviceName } from './arguments/find-service.ts'
import { whoAsks } from './arguments/who-asks.ts'
import { ask, connectAs } from './bus/connection.ts'
import type { ConnectionOptions } from './bus/way-to-bus.ts'
import { renderRun } from './runs/run-table.ts'
import { readWholeStatus } from './runs/whole-status.ts'
import { UsageError } from './terminal/errors.ts'

interface Which extends ConnectionOptions {
  readonly experiment?: string
  readonly json?: boolean
}

export interface RevokeOptions extends Which {
  readonly reason: string
  readonly yes?: boolean
  readonly keepLogin?: boolean
  readonly watch?: boolean
}

/** Without --watch it is looked on for so long (milliseconds), or until everything was tried once. */
const lookMs = 60_000
const pauseMs = 250

/** Exit code 0: nothing is left anywhere; 1: something is, and goes on being tried. */
export async function revoke(services: readonly string[], options: RevokeOptions): Promise<number> {
  const { reason, keepLogin = false, json } = options
  const request = { ...asked(services, options), reason, keepLogin }
  await using bus = await connectAs('responder', options)
  const plan = await ask<RevokeAnswer>(bus, requests.revoke, { ...request, dryRun: true })
  if (!options.yes && !(await confirm(plan, keepLogin))) return 1
  const { run } = await ask<RevokeAnswer>(bus, requests.revoke, request, 30_000)
  if (run === undefined) return 0
  const status = await lookOn(bus, run, options)
  process.stdout.write(
    json ? `${JSON.stringify(status)}\n` : `${renderRun(status)}\n\n${describeEnd(status)}\n`,
  )
  return isCleared(status) ? 0 : 1
}

function asked(services: readonly string[], { experiment }: Which) {
  if (services.length === 0 && experiment === undefined)
    throw new UsageError('Name the services, or an experiment with -e.')
  return {
    ...(services.length > 0 && { services: services.map(serviceName) }),
    ...(experiment !== undefined && { experiment }),
    by: whoAsks('responder'),
  }
}

async function confirm({ services }: RevokeAnswer, keepLogin: boolean): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError('Nobody can be asked here whether that is meant: add --yes.')
  const lines = services.map(({ service, entries }) => {
    const [nodes, credds] = [entries.flatMap((one) => one.nodes), entries.flatMap((one) => one.credds)]
    return `${service}: ${describe('node', nodes)}; ${describe('credd', credds)}`
  })
  const login = keepLogin
    ? 'Their logins stay.'
    : 'Their logins are deleted: whoever restores them has to have somebody log in again (onboard).'
  process.stderr.write(
    `This makes no new tokens for, and removes what there is of:\n  ${lines.join('\n  ')}\n${login}\n`,
  )
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await terminal.question('Revoke? Type yes: ')).trim().toLowerCase() === 'yes'
  } finally {
    terminal.close()
  }
}

const describe = (what: string, names: readonly string[]) =>
  names.length === 0
    ? `no ${what}`
    : `${names.length} ${what}${names.length > 1 ? 's' : ''} (${names.join(' ')})`

/** The ledger, once all was tried; with --watch once nothing is left. */
async function lookOn(bus: Bus, run: string, { watch, json }: RevokeOptions): Promise<RunStatus> {
  const told = new Set<string>()
  const deadline = performance.now() + lookMs
  for (;;) {
    const status = await readWholeStatus(bus, run).catch(() => undefined)
    if (status) {
      if (!json) tellChanges(status, told)
      const isOver = watch ? isCleared(status) : status.waiting === 0
      if (isOver || (!watch && performance.now() > deadline)) return status
    } else if (!watch && performance.now() > deadline)
      throw new Error(
        `The notifier does not say how run ${run} stands, and it goes on: managed-tokens status --run ${run}`,
      )
    await sleep(pauseMs)
  }
}

/** A line for each place that has come to another state. */
function tellChanges({ entries }: RunStatus, told: Set<string>): void {
  for (const { entry, refresh, targets } of entries)
    for (const one of [{ ...refresh, name: 'Vault or the issuer' }, ...targets]) {
      const line = `${entry}: ${one.name} ${one.state === 'done' ? (one.outcome ?? 'done') : `${one.state} ${one.code ?? ''}`}`
      if (one.state === 'waiting' || told.has(line)) continue
      told.add(line)
      process.stderr.write(`${line.trimEnd()}\n`)
    }
}

const placesOf = ({ entries }: RunStatus) =>
  entries.flatMap(({ entry, refresh, targets }) => [
    { ...refresh, entry, name: 'Vault or the issuer' },
    ...targets.map((one) => ({ ...one, entry })),
  ])

const isCleared = (status: RunStatus) => placesOf(status).every(({ state }) => state === 'done')

/** What is left, what cannot be taken away, and what to do about it. Pure. */
export function describeEnd(status: RunStatus): string {
  const left = placesOf(status).filter(({ state }) => state !== 'done')
  const until = status.entries
    .flatMap(({ targets }) => targets.flatMap((target) => target.until ?? []))
    .sort()
    .at(-1)
  const services = [...new Set(status.entries.map(({ service }) => service))]
  return [
    left.length === 0
      ? `Nothing of ${services.join(', ')} is left on any node, in any credd, or with the daemons.`
      : `Left, and tried until it is done: ${left.map(({ entry, name }) => `${entry} at ${name}`).join('; ')}. Look again: managed-tokens status --run ${status.run}`,
    'Bearer tokens that were handed out before cannot be revoked: they go on until they end by themselves.',
    ...(until === undefined ? [] : describeParents(services, until)),
    `To let them run again: managed-tokens restore ${services.join(' ')}`,
  ].join('\n')
}

/** The vault tokens of 28 days that were in the credds, in Vault's own words. */
const describeParents = (services: readonly string[], until: string): string[] => [
  `The vault tokens that the credds had are good until ${until}: without a login they give no bearer, and a later login would arm a copy that leaked. Vault's administrators revoke them with:`,
  ...services.map((service) => `  bao lease revoke -prefix auth/kerberos-${service}/login`),
]

/** Exit code 0: they run again. */
export async function restore(services: readonly string[], options: Which): Promise<number> {
  const request = asked(services, options)
  await using bus = await connectAs('responder', options)
  const answer = await ask<RestoreAnswer>(bus, requests.restore, request, 30_000)
  process.stdout.write(
    options.json ? `${JSON.stringify(answer)}\n` : `${describeRestored(answer, Date.now())}\n`,
  )
  return 0
}

/** Pure. */
export function describeRestored({ restored }: RestoreAnswer, now: number): string {
  return restored
    .flatMap(({ service, keepLogin, until }) => [
      `${service} runs again from the next run on.`,
      ...(keepLogin ? [] : [`  Somebody has to log in first: managed-tokens onboard ${service}`]),
      ...(until !== undefined && Date.parse(until) > now
        ? [
            `  Warning: vault tokens that credds had before are good until ${until}, and a login arms a copy that leaked, unless Vault's administrators have revoked them: bao lease revoke -prefix auth/kerberos-${service}/login`,
          ]
        : []),
    ])
    .join('\n')
}
