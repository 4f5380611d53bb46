/** What no single key shows: steps that do not fit into a run, entries that get in each other's way, keys without effect. */

import type { Folded } from '../read/fold.ts'
import { type Finding, type Path, showPath } from '../read/places.ts'
import type { ResolvedEntry } from '../resolve/resolve.ts'
import { formatDuration } from '../schema/duration.ts'
import { isWebUrl } from '../schema/grammar.ts'
import type { SiteFile } from '../schema/schema.ts'
import { checkBearers } from './bearer-checks.ts'
import type { Report } from './report.ts'
import { checkRoleFile } from './role-file-check.ts'
import { checkSharedFiles, checkSharedServices } from './shared-targets.ts'
import { checkVaultBudget } from './vault-budget-check.ts'
import { checkVaultPorts } from './vault-port.ts'

/** All findings of this kind; none of them repeats what the schema has already said. */
export function checkAcross(
  file: SiteFile,
  entries: readonly ResolvedEntry[],
  folded: Folded,
  fileName: string,
): Finding[] {
  const findings: Finding[] = []
  const report: Report = (severity, path, message) => {
    findings.push({ severity, ...folded.keyPlace(path), path: showPath(path), message })
  }
  checkBus(file, report)
  checkTimeouts(file, report)
  checkRetries(file, report)
  checkVaultBudget(
    file,
    entries.map(({ entry }) => entry),
    report,
  )
  checkUnused(file, folded, report)
  checkMailLogin(file, report)
  checkExperiments(file, folded, report)
  checkSharedServices(entries, report)
  checkSharedFiles(entries, report, (path) => {
    const { line, column } = folded.keyPlace(path)
    return `${fileName}:${line}:${column}`
  })
  checkBearers(file, entries, report)
  checkRoleFile(entries, folded, report)
  checkVaultPorts(file, entries, report)
  return findings
}

function checkBus({ nats: { servers, replicas, domain } }: SiteFile, report: Report) {
  if (!servers && (replicas > 1 || domain))
    report(
      'warning',
      ['nats'],
      'the private server of "managed-tokens up" is no cluster and has no domain: replicas and domain have no effect — expected servers',
    )
  if (servers?.length === 1 && replicas > 1)
    report(
      'warning',
      ['nats', 'servers'],
      `with one server named, daemons do not start while it is away, whatever the others do — expected all ${replicas}`,
    )
}

const steps = ['kerberosTimeout', 'vaultStorerTimeout', 'pingTimeout', 'pushTimeout'] as const

function checkTimeouts({ timeouts }: SiteFile, report: Report) {
  const sum = steps.reduce((total, step) => total + timeouts[step], 0)
  if (sum <= timeouts.globalTimeout) return
  const parts = steps.map((step) => `${step} ${formatDuration(timeouts[step])}`).join(' + ')
  report(
    'error',
    ['timeouts'],
    `the steps take longer than a run may: ${parts} = ${formatDuration(sum)} is more than globalTimeout ${formatDuration(timeouts.globalTimeout)} — expected a sum of at most globalTimeout`,
  )
}

const limits = {
  getKerberosTickets: 'kerberosTimeout',
  getToken: 'vaultStorerTimeout',
  storeAndGetToken: 'vaultStorerTimeout',
  pingAggregator: 'pingTimeout',
  pushTokens: 'pushTimeout',
} as const

function checkRetries({ timeouts, workerType }: SiteFile, report: Report) {
  for (const [worker, timeoutKey] of Object.entries(limits) as [
    keyof typeof limits,
    keyof typeof timeouts,
  ][]) {
    const { numRetries, retrySleep } = workerType[worker]
    const timeout = timeouts[timeoutKey]
    const tries = (numRetries + 1) * timeout
    const pauses = numRetries * retrySleep
    const [step, run] = [pauses > timeout, tries + pauses > timeouts.globalTimeout]
    if (!step && !run) continue
    const sum = `${numRetries + 1} × ${formatDuration(timeout)} + ${numRetries} × ${formatDuration(retrySleep)} = ${formatDuration(tries + pauses)}`
    const excess = [
      ...(step
        ? [`the pauses alone (${formatDuration(pauses)}) exceed ${timeoutKey} (${formatDuration(timeout)})`]
        : []),
      ...(run ? [`globalTimeout is ${formatDuration(timeouts.globalTimeout)}`] : []),
    ].join(', and ')
    report(
      'warning',
      ['workerType', worker],
      `the retries of ${worker} take up to ${sum}, but ${excess}: they are kept, and a failure may be reported only in a later run — expected fewer retries or a shorter retrySleep`,
    )
  }
}

function checkUnused(file: SiteFile, folded: Folded, report: Report) {
  const unused = (path: Path) => {
    if (folded.isWritten(path))
      report(
        'warning',
        path,
        `${showPath(path)} has no effect: a node is probed on its ssh port, not pinged — this key can go`,
      )
  }
  unused(['pingOptions'])
  for (const [experiment, { roles }] of Object.entries(file.experiments)) {
    for (const role of Object.keys(roles))
      unused(['experiments', experiment, 'roles', role, 'pingOptionsOverride'])
  }
  if (file.tracing?.url && !isWebUrl(file.tracing.url)) {
    report(
      'warning',
      ['tracing', 'url'],
      'tracing.url is neither http:// nor https://: no traces are sent — expected the URL of an OTLP receiver',
    )
  }
}

function checkMailLogin({ email }: SiteFile, report: Report) {
  if (!email) return
  const { user, passwordFile, tls } = email
  if ((user === undefined) !== (passwordFile === undefined))
    report(
      'warning',
      ['email', user === undefined ? 'passwordFile' : 'user'],
      'email.user and email.passwordFile belong together: nobody logs in — expected both or neither',
    )
  else if (user !== undefined && tls === 'none')
    report(
      'warning',
      ['email', 'tls'],
      'email.tls is none, so the password of email.user can be read on the way — expected starttls or tls',
    )
}

function checkExperiments(file: SiteFile, folded: Folded, report: Report) {
  if (Object.keys(file.experiments).length === 0 && !folded.hasBelow(['experiments'])) {
    report(
      'error',
      ['experiments'],
      'there is no experiment — expected at least one, with roles and an account',
    )
  }
  // One that is empty costs the others nothing; a file with nothing else in it is a mistake.
  const hasRole = Object.keys(file.experiments).some((name) =>
    folded.hasBelow(['experiments', name, 'roles']),
  )
  for (const [experiment, section] of Object.entries(file.experiments)) {
    const path: Path = ['experiments', experiment]
    if (!folded.isWritten([...path, 'emails'])) {
      report(
        'warning',
        path,
        `${experiment} has no emails: nobody of it hears of a failed push — expected a list of addresses`,
      )
    }
    if (Object.keys(section.roles).length === 0 && !folded.hasBelow([...path, 'roles'])) {
      const at: Path = [...path, 'roles']
      if (hasRole)
        report('warning', at, `${experiment} has no role, so nothing is done for it — expected at least one`)
      else report('error', at, `"roles" is missing in ${showPath(path)} — expected a map`)
    }
    for (const [role, { destinationNodes }] of Object.entries(section.roles)) {
      const here: Path = [...path, 'roles', role]
      if (!folded.isWritten([...here, 'destinationNodes'])) {
        report(
          'warning',
          here,
          `${experiment}_${role} has no destinationNodes: its token is pushed nowhere — expected a list of nodes, or [] if that is meant`,
        )
      }
      for (const node of repeated(destinationNodes))
        report(
          'warning',
          [...here, 'destinationNodes'],
          `${experiment}_${role} names ${node} more than once: it gets one push`,
        )
    }
  }
}

/** What a list has more than once. */
function repeated(list: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>()
  return new Set(list.filter((one) => seen.size === seen.add(one).size))
}
