/** `managed-tokens doctor`: looks at everything a site needs, one line each, with the fix. Changes nothing, and always ends. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { environment } from '../../shared/config/environment.ts'
import type { Site } from '../../shared/config/site.ts'
import { cleanTexts } from '../../shared/contracts/one-sentence.ts'
import { stateRootOf } from '../../shared/daemon/state.ts'
import { openTickets, type Tickets } from '../../shared/kerberos/kinit.ts'
import { refuseOddServers } from '../bus/connection.ts'
import type { ConnectionOptions } from '../bus/way-to-bus.ts'
import { type View, viewOf } from '../terminal/terminal.ts'
import { checkBus } from './bus.ts'
import { type Check, type Finding, runChecks } from './check.ts'
import { readConfiguration } from './configuration.ts'
import { checkKeytabs, checkState, checkUser } from './files.ts'
import { checkIdentities, checkIssuers } from './issuers.ts'
import { checkLocal } from './local.ts'
import { checkNodes } from './nodes.ts'
import { checkPeople } from './people.ts'
import { checkPrograms } from './programs.ts'
import { checkSealing } from './sealing.ts'
import { checkCollectors, checkFerry, checkPrincipals, checkVaults } from './servers.ts'
import { checkStoring } from './storing.ts'
import { checkTrust } from './trust.ts'

/** Checks side by side: nodes, KDC and collectors are asked gently. */
const atOnce = 6

export interface DoctorOptions extends ConnectionOptions {
  readonly json?: boolean
}

/** Exit code 0: no problem, warnings or not; 1: a problem. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const servers = options.nats ?? environment.NATS_URL
  if (servers) refuseOddServers(servers.split(','))
  const { site, findings } = readConfiguration(options.config)
  const home = await mkdtemp(join(tmpdir(), 'managed-tokens-doctor-'))
  try {
    await using tickets = await openTickets(join(home, 'tickets'))
    return await report(findings, listChecks(site, tickets, options), options.json ?? false)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

/** All that can be looked at: with a broken configuration, what does not depend on it. */
function listChecks(site: Site | undefined, tickets: Tickets, options: DoctorOptions): Check[] {
  return [
    checkUser(process.getuid?.()),
    ...checkPrograms(site),
    checkState(site, stateRootOf(options.state, environment)),
    ...(site
      ? [
          ...checkKeytabs(site),
          checkSealing(site, stateRootOf(options.state, environment)),
          ...checkPrincipals(site, tickets),
          ...checkVaults(site),
          ...checkStoring(site),
          ...checkIssuers(site, stateRootOf(options.state, environment)),
          ...checkIdentities(site),
          ...checkCollectors(site),
          ...checkFerry(site),
        ]
      : []),
    checkTrust(site),
    checkBus(site, options),
    ...(site ? [...checkPeople(site), ...checkNodes(site), ...checkLocal(site)] : []),
  ]
}

/** Prints each finding as soon as it is known. */
async function report(known: readonly Finding[], checks: readonly Check[], json: boolean): Promise<number> {
  const results: Finding[] = []
  const view = viewOf(process.stdout)
  const take = (found: Finding) => {
    const finding = cleanTexts(found)
    results.push(finding)
    if (!json) process.stdout.write(`${renderFinding(finding, view)}\n`)
  }
  for (const finding of known) take(finding)
  for await (const finding of runChecks(checks, atOnce)) take(finding)
  const count = (state: Finding['state']) => results.filter((one) => one.state === state).length
  const [problems, warnings] = [count('problem'), count('warning')]
  process.stdout.write(
    json ? `${JSON.stringify({ problems, warnings, results })}\n` : `\n${summary(problems, warnings)}\n`,
  )
  return problems > 0 ? 1 : 0
}

/** One line: the state, what it is about, how it stands, and the fix. Pure. */
export function renderFinding({ state, about, says, fix }: Finding, { colours }: View): string {
  const colour = { ok: colours.green, warning: colours.yellow, problem: colours.red }[state]
  return `${colour(state.padEnd(8))} ${about.padEnd(19)} ${says}${fix ? ` ${colours.dim('→')} ${fix}` : ''}`
}

function summary(problems: number, warnings: number): string {
  const counted = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`
  const all = `${counted(problems, 'problem')}, ${counted(warnings, 'warning')}`
  return problems > 0 ? `${all}. Mend the problems and look again.` : `${all}: ready.`
}
