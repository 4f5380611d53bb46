/**
 * Kerberos tickets from keytabs: one private ccache per entry, reused while it is there and lives long enough for a run, and
 * made anew where a refusal may be its fault: a server whose keys were changed refuses the tickets it had before.
 */
import { mkdirSync, readFileSync, renameSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandOutcome, runCommand } from '../commands/command.ts'
import { commandEnvironment } from '../config/environment.ts'
import type { Entry } from '../config/site.ts'
import { errorOf, failedWith, failure, isFailed, Permanent, Transient } from '../contracts/errors.ts'
import { lastLine } from '../contracts/one-sentence.ts'
import type { ReasonCode } from '../contracts/reasons.ts'
import { encodeToken } from '../contracts/subjects.ts'
import { timeStep } from '../telemetry/metrics/steps.ts'
import { type CachedTicket, readCcache } from './ccache.ts'

/** What kinit says (MIT Kerberos 1.20), and which reason that is. The first match counts. */
const texts: readonly (readonly [RegExp, ReasonCode])[] = [
  // The second is all that it says of a full disk below its cache.
  [
    /No space left on device|Disk quota exceeded|Failed to store credentials: Credentials cache I\/O operation failed/i,
    'disk-full-here',
  ],
  [
    /Cannot contact any KDC|Cannot find KDC|Cannot resolve.{0,200}KDC|unreachable|Resource temporarily unavailable|service is not available/i,
    'kdc-unreachable',
  ],
  [/Clock skew too great|not yet valid/i, 'clock-skew'],
  [/not found in Kerberos database|Realm not local/i, 'kinit-unknown-principal'],
  [/has expired|have been revoked|locked out/i, 'kinit-expired-principal'],
  [
    /Key table file|key table format|(No such file or directory|Permission denied|Is a directory) while getting initial|Pre-authentication failed: (No such file|Permission denied)/i,
    'kinit-no-keytab',
  ],
  [
    /Preauthentication failed|Password incorrect|no suitable keys|Key table entry not found|No key table entry|Decrypt integrity|encryption type/i,
    'kinit-wrong-keytab',
  ],
]

/** Whose ticket: an entry, or whatever else has a name, a principal and a keytab. */
export type TicketOf = Pick<Entry, 'name' | 'principal' | 'keytab'> & Partial<Pick<Entry, 'service'>>

export interface Tickets extends AsyncDisposable {
  /**
   * The path of a ccache with a ticket of this entry's principal that lives at least `minLifeMs` longer. Throws
   * Permanent or Transient with a `kinit-…`, `kdc-…` or `clock-…` reason.
   */
  ccacheOf(entry: TicketOf, limits: TicketLimits): Promise<string>
  /**
   * Runs `work` with such a ccache, and once more with a new ticket where it fails by a refusal that a stale ticket explains:
   * at most once for each entry, run and `purpose`, so that a server which goes on refusing does not cost a kinit each time.
   */
  withTicket<T>(
    entry: TicketOf,
    limits: TicketLimits & { readonly run: string; readonly purpose: string },
    work: (ccache: string) => Promise<T>,
  ): Promise<T>
}

export interface TicketLimits {
  readonly minLifeMs: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * Reasons that a stale ticket explains. HTCondor has one text for a refused ticket and for a credd that is not there: a new
 * ticket is cheap.
 */
const refusals: ReadonlySet<ReasonCode> = new Set([
  'kerberos-refused',
  'vault-login-refused',
  'ticket-unusable',
  'credd-unreachable',
])

const isRefusal = (error: unknown) =>
  isFailed(error) && (error.ticketRefused || refusals.has(error.failure.code))

/** Keeps tickets in `directory`, which is emptied on dispose: none outlives the daemon. */
export async function openTickets(directory: string): Promise<Tickets> {
  const makeDirectory = () => mkdirSync(directory, { recursive: true, mode: 0o700 })
  makeDirectory()
  /** When the ticket ends that lies in an entry's ccache, and for whom it was made: a reload may have changed that. */
  const made = new Map<string, { readonly from: string; readonly endMs: number }>()
  /** The purposes for which an entry's ticket was made anew already, in the run that asked for that last. */
  const renewed = new Map<string, { readonly run: string; readonly purposes: Set<string> }>()
  const ccacheFile = ({ name }: TicketOf) => join(directory, `${encodeToken(name)}.ccache`)
  const pending = new Map<string, { readonly from: string; readonly making: Promise<string> }>()

  /** What is no entry, such as FERRY's own account, has no series. */
  const makeTimed = (entry: TicketOf, timeoutMs: number, signal: AbortSignal) =>
    entry.service === undefined
      ? make(entry, timeoutMs, signal)
      : timeStep('kinit', entry.name, { service: entry.service }, () => make(entry, timeoutMs, signal))

  async function make(entry: TicketOf, timeoutMs: number, signal: AbortSignal): Promise<string> {
    const ccache = ccacheFile(entry)
    const fresh = `${ccache}.new`
    try {
      makeDirectory()
      await kinit(entry, fresh, timeoutMs, signal)
      // Handed to threads, these few microseconds would cost many times as much.
      const endMs = ticketEnd(entry, fresh)
      renameSync(fresh, ccache)
      made.set(entry.name, { from: sourceOf(entry), endMs })
      return ccache
    } catch (error) {
      await rm(fresh, { force: true })
      if (error instanceof Transient && livesFor(entry, timeoutMs)) return ccache
      throw error
    }
  }

  function livesFor(entry: TicketOf, ms: number): boolean {
    const known = made.get(entry.name)
    if (!known || known.from !== sourceOf(entry) || known.endMs <= Date.now() + ms) return false
    // Somebody may have taken it away, or written something else in its place.
    const ticket = readTicket(ccacheFile(entry))
    return ticket !== undefined && isOf(ticket.principal, entry.principal ?? '')
  }

  /** Makes it once for all who want it at the same time. */
  function makeNew(entry: TicketOf, { timeoutMs, signal }: TicketLimits): Promise<string> {
    const [from, known] = [sourceOf(entry), pending.get(entry.name)]
    if (known?.from === from) return known.making
    // A reload gave the entry another principal: its ticket has the same place, and comes after the one under way.
    const before = known?.making.catch(() => undefined) ?? Promise.resolve()
    const making = before.then(() => makeTimed(entry, timeoutMs, signal))
    pending.set(entry.name, { from, making })
    const forget = () => {
      if (pending.get(entry.name)?.making === making) pending.delete(entry.name)
    }
    making.then(forget, forget)
    return making
  }

  const ccacheOf: Tickets['ccacheOf'] = async (entry, limits) =>
    livesFor(entry, limits.minLifeMs) ? ccacheFile(entry) : makeNew(entry, limits)

  /** Throws where there is no ticket any more for good, which explains the refusal; a KDC that is away does not. */
  async function renew(entry: TicketOf, limits: TicketLimits): Promise<void> {
    try {
      await makeNew(entry, limits)
    } catch (error) {
      if (error instanceof Permanent) throw error
    }
  }

  function mayRenew({ name }: TicketOf, run: string, purpose: string): boolean {
    const known = renewed.get(name)
    const { purposes } = known?.run === run ? known : { purposes: new Set<string>() }
    renewed.set(name, { run, purposes })
    return !purposes.has(purpose) && purposes.add(purpose) && true
  }

  return {
    ccacheOf,
    async withTicket(entry, limits, work) {
      const ccache = await ccacheOf(entry, limits)
      const used = made.get(entry.name)
      try {
        return await work(ccache)
      } catch (error) {
        if (limits.signal.aborted || !isRefusal(error)) throw error
        if (!mayRenew(entry, limits.run, limits.purpose)) throw error
        // Where somebody else has a new one meanwhile, that is the one to try.
        if (made.get(entry.name) === used) await renew(entry, limits)
        if (made.get(entry.name) === used) throw error
        return await work(ccacheFile(entry))
      }
    },
    async [Symbol.asyncDispose]() {
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Undefined where there is no file, or none with a ticket in it. */
function readTicket(ccache: string): CachedTicket | undefined {
  try {
    return readCcache(readFileSync(ccache))
  } catch {
    return undefined
  }
}

const sourceOf = ({ principal, keytab }: TicketOf) => `${principal} ${keytab}`

async function kinit(entry: TicketOf, ccache: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { keytab, principal } = entry
  if (keytab === undefined || principal === undefined)
    throw new Permanent(failure('kinit-no-keytab', `No keytab is configured for ${entry.name}.`))
  const outcome = await runCommand({
    file: 'kinit',
    args: ['-k', '-t', keytab, '-c', `FILE:${ccache}`, principal],
    env: commandEnvironment(),
    timeoutMs,
    signal,
    attributes: { 'managed_tokens.entry': entry.name },
  })
  if (outcome.kind === 'exited' && outcome.exitCode === 0) return
  throw kinitError(entry, outcome)
}

function kinitError(entry: TicketOf, outcome: CommandOutcome): Error {
  const code = reasonOfKinit(outcome)
  const failed = failure(
    code,
    `No Kerberos ticket for ${entry.principal} from ${entry.keytab}: ${describe(code, outcome)}.`,
  )
  return errorOf(failed)
}

/** The reason code of a kinit that did not succeed. Pure. */
export function reasonOfKinit(outcome: CommandOutcome): ReasonCode {
  if (outcome.kind === 'timeout') return 'kdc-unreachable'
  return texts.find(([text]) => text.test(outcome.stderr))?.[1] ?? 'kinit-failed'
}

const described: Partial<Record<ReasonCode, string>> = {
  'kdc-unreachable': 'no KDC answers',
  'clock-skew': 'this clock and the KDC’s differ too much',
  'kinit-unknown-principal': 'the KDC does not know this principal',
  'kinit-expired-principal': 'the principal has expired or was revoked',
  'kinit-no-keytab': 'the keytab is missing or cannot be read',
  'kinit-wrong-keytab': 'the keytab does not hold a current key of this principal',
}

/** Why there is no ticket; what is not known is said in kinit's own words. Pure. */
export function describe(code: ReasonCode, { stderr }: Pick<CommandOutcome, 'stderr'>): string {
  const said = lastLine(stderr)
  return described[code] ?? (said ? `kinit says: ${said}` : 'kinit failed and said nothing')
}

/** When the ticket ends (milliseconds since the epoch). Checks that the ccache is really this principal's. */
function ticketEnd(entry: TicketOf, ccache: string): number {
  const ticket = readCcache(readFileSync(ccache))
  if (!ticket)
    throw failedWith(
      'kinit-failed',
      `kinit made no ticket from ${entry.keytab} that can be read: remove ccache_type from krb5.conf.`,
    )
  if (isOf(ticket.principal, entry.principal ?? '')) return ticket.endMs
  throw failedWith('kinit-wrong-keytab', `The ticket made from ${entry.keytab} is not ${entry.principal}’s.`)
}

/** A principal without a realm is one of the realm that krb5.conf calls the default, which kinit has put there. Pure. */
export const isOf = (ticket: string, principal: string): boolean =>
  ticket === principal || (!principal.includes('@') && ticket.replace(/@[^@]*$/, '') === principal)
