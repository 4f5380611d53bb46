/** `npm run demo`: a whole site made on the spot, one run over it, its result as a table, and a look at where every token is. */
import { parseArgs } from 'node:util'
import pc from 'picocolors'
import { ask, connectOperator } from '../cli/bus/connection.ts'
import { listenForRuns } from '../cli/runs/follow-run.ts'
import { renderRun } from '../cli/runs/run-table.ts'
import { watchRun } from '../cli/runs/watch-runs.ts'
import { startSupervisor } from '../cli/up/supervise.ts'
import type { RunAnswer } from '../services/refresher/start-run/run-request.ts'
import type { Bus } from '../shared/bus/connect.ts'
import { requests } from '../shared/contracts/subjects.ts'
import { defaultEntries } from './default-entries.ts'
import { listNames, refuseUnknownNames } from './fault-names.ts'
import { joinFaults, listFaults, parseFault } from './faults.ts'
import { findFreePort } from './free-port.ts'
import { iamEntries } from './iam-entries.ts'
import { startIamSite } from './iam-site.ts'
import { logInPeople } from './log-in-people.ts'
import { lookAround } from './look-around.ts'
import { type SandboxSite, type SiteOptions, startSite } from './site.ts'
import { untilDelivered } from './until-delivered.ts'
import { verifySite } from './verify.ts'

const makes = {
  fermilab: 'a Kerberos KDC, nodes with sshd, Vault, credds, FERRY',
  iam: 'a token issuer (IAM), nodes with sshd that a key opens; no Kerberos, no Vault',
}

const nextFaults = {
  fermilab: '--fault node-down=dunegpvm01',
  iam: '--site iam --fault iam-refuses=invalid_grant',
}

const help = `npm run demo [-- OPTIONS]: one run over a sandbox site with real Kerberos, sshd and NATS

  --site fermilab|iam   which shape of a site: Kerberos and Vault, or a token issuer (IAM) alone (default: fermilab)
  --fault NAME[=VALUE]  switch a fault on; may be given several times
  --keep                stay up after the run until Ctrl-C, to play with
  --dir DIR             where the site is made (default: .sandbox)
  --help                this text

Examples:
  npm run demo -- --fault node-down=dunegpvm01
  npm run demo -- --fault vault-rate-limit=5 --fault storer-hangs=mu2e_production,dune_production

Faults:
${listFaults()}

Names that the site has, hosts also with .sandbox.test:
${listNames([...defaultEntries, ...iamEntries])}

Exit codes: 0 every token is where it belongs, 1 something is not, 2 wrong use.
`

process.exitCode = await demo()

async function demo(): Promise<number> {
  let options: ReturnType<typeof readOptions>
  try {
    options = readOptions()
  } catch (error) {
    process.stderr.write(
      `demo: ${(error as Error).message}\nnpm run demo -- --help shows all options and faults.\n`,
    )
    return 2
  }
  if (options.help) {
    process.stdout.write(help)
    return 0
  }
  try {
    return await play(options)
  } catch (error) {
    process.stderr.write(`demo: ${(error as Error).message}\nThe daemons' logs are in ${options.dir}/logs.\n`)
    return 1
  }
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      dir: { type: 'string', default: '.sandbox' },
      site: { type: 'string', default: 'fermilab' },
      fault: { type: 'string', multiple: true, default: [] },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const faults = joinFaults(...values.fault.map(parseFault))
  const { site } = values
  if (site !== 'fermilab' && site !== 'iam')
    throw new Error(`there is no site "${site}": expected --site fermilab or --site iam`)
  refuseUnknownNames(faults, site === 'iam' ? iamEntries : defaultEntries)
  return { ...values, site, faults } as const
}

async function play({
  dir,
  faults,
  keep,
  fault,
  site: shape,
}: ReturnType<typeof readOptions>): Promise<number> {
  say(`Making the site: ${makes[shape]}, mail and Slack sinks …`)
  const port = keep ? await findFreePort('127.0.0.1') : undefined
  const settings = port === undefined ? {} : { notifier: { statusPage: { port } } }
  await using site = await makeSite(shape, { dir, faults, settings })
  for (const one of fault) say(`Fault: ${one}`)
  say('Starting nats-server and the four daemons …')
  await using supervisor = await startSupervisor({
    configFile: site.config,
    stateRoot: site.layout.state,
    logDir: site.layout.logs,
    allowRoot: true,
    env: { ...process.env, ...site.env },
  })
  await supervisor.ready()
  await using bus = await connectOperator({ state: site.layout.state, nats: supervisor.url })
  const failed = await runOnce(bus)
  // Mails and Slack posts are on their way after a run has finished: waited for, but not for ever.
  await untilDelivered({ state: site.layout.state, url: supervisor.url }, 30_000)
  const misplaced = await lookWhereTokensAre(site)
  say(`\n${lookAround(site.layout, nextFault(fault, shape))}`)
  if (port !== undefined) await stayUp(site, supervisor.url, port)
  return failed || misplaced ? 1 : 0
}

async function makeSite(shape: keyof typeof makes, options: SiteOptions): Promise<SandboxSite> {
  if (shape === 'fermilab') return startSite(options)
  await using stack = new AsyncDisposableStack()
  const site = stack.use(await startIamSite(options))
  await logInPeople(site)
  stack.move()
  return site
}

/** One run, shown as it goes. True when something failed. */
async function runOnce(bus: Bus): Promise<boolean> {
  using follower = listenForRuns(bus)
  const asked = await ask<RunAnswer>(bus, requests.run, {}, 30_000)
  say(`Run ${asked.run} over ${asked.entries.join(', ')}`)
  const status = await watchRun(bus, asked, follower)
  process.stdout.write(`\n${renderRun(status)}\n`)
  return status.totals.done !== Object.values(status.totals).reduce((sum, count) => sum + count, 0)
}

async function lookWhereTokensAre(site: SandboxSite): Promise<boolean> {
  const findings = await verifySite(site)
  const wrong = findings.filter(({ problems }) => problems.length > 0)
  process.stdout.write('\n')
  if (wrong.length === 0)
    say(pc.green(`Looked at ${findings.length} targets: every token is where it belongs.`))
  for (const { entry, kind, target, problems } of wrong)
    say(pc.red([`Not in place: ${entry ?? ''} ${kind} ${target}`, ...problems].join('\n  ')))
  return wrong.length > 0
}

async function stayUp(site: SandboxSite, url: string, port: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  process.once('SIGINT', resolve)
  process.once('SIGTERM', resolve)
  say(`NATS is at ${url}. In another terminal:
  . ${site.layout.state}/operator/env
  nats req managed-tokens.run ''
  nats sub 'token.>'
  npx managed-tokens run --watch --state ${site.layout.state}
  npx managed-tokens doctor --config ${site.config} --state ${site.layout.state}
The status page is at http://127.0.0.1:${port}/
Ctrl-C stops everything.`)
  await promise
}

/** What a newcomer may break next. */
function nextFault(faults: readonly string[], shape: keyof typeof makes): string | undefined {
  return faults.length > 0 ? undefined : nextFaults[shape]
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
