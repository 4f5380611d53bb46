/** NATS: does it answer, is it new enough, may this user do what an operator does, and are the daemons there? */
import type { Bus } from '../../shared/bus/connect.ts'
import { microName } from '../../shared/bus/requests/serve-requests.ts'
import type { Site } from '../../shared/config/site.ts'
import { cleanLine } from '../../shared/contracts/one-sentence.ts'
import { buckets, type Daemon, daemons, requests, streams } from '../../shared/contracts/subjects.ts'
import { ask, connectOperator } from '../bus/connection.ts'
import type { ConnectionOptions } from '../bus/way-to-bus.ts'
import { NoNats, RefusedError, UsageError } from '../terminal/errors.ts'
import { type Check, type Finding, ok, problem, warning } from './check.ts'
import { judgeNatsServer } from './programs.ts'
import { lookAtPermissions, lookAtStreams } from './walls.ts'

/** Connecting and the answers, which are awaited together, take at most five seconds each. */
const deadlineMs = 20_000

/** The bus, as the command line reaches it. */
export function checkBus(site: Site | undefined, options: ConnectionOptions): Check {
  return { about: 'nats', deadlineMs, look: () => lookAtBus(site, options) }
}

async function lookAtBus(site: Site | undefined, options: ConnectionOptions): Promise<Finding[]> {
  try {
    await using bus = await connectOperator(options)
    const { version = '' } = bus.nc.info ?? {}
    const server = bus.nc.getServer()
    const [jetStream, ...domain] = await lookAtJetStream(bus, site?.nats.domain)
    const permissions = await lookAtPermissions(bus)
    return [
      ok('nats', `${server} answers`),
      // The private server's version was judged as a program.
      ...(site?.nats.servers ? [judgeNatsServer('nats', version)] : []),
      jetStream,
      ...domain,
      permissions,
      await maySubscribe(bus),
      // Without those, nobody is told of streams.
      ...(jetStream.state !== 'problem' && permissions.state === 'ok' ? await lookAtStreams(bus) : []),
      ...(await Promise.all(daemons.map((daemon) => mayAsk(bus, daemon, questions[daemon])))),
    ]
  } catch (error) {
    return [describe(error, site)]
  }
}

/** Where nobody was told about NATS, the private server is simply not up yet. */
function describe(error: unknown, site: Site | undefined): Finding {
  const { message } = error as Error
  if (site?.nats.servers || !(error instanceof UsageError || error instanceof NoNats))
    return problem('nats', message, 'check nats.servers, nats.seedFile and nats.caFile')
  return warning(
    'nats',
    'the private server is not up',
    'start it with "managed-tokens up"; give the same --state',
  )
}

/** JetStream of this user's account: that the server has it says nothing of the account. */
async function lookAtJetStream(
  { nc, jsm }: Bus,
  domain: string | undefined,
): Promise<[Finding, ...Finding[]]> {
  if (!nc.info?.jetstream)
    return [problem('nats', 'JetStream is off', 'add a jetstream block to the server’s configuration')]
  try {
    const account = await jsm.getAccountInfo()
    return [judgeAccount(account), ...judgeDomain(account.domain, domain)]
  } catch (error) {
    const { message } = error as Error
    if (/permission/i.test(message))
      return [problem('nats', 'this operator may not ask for the account’s JetStream', permissionsFix)]
    if (message === jetStreamUnavailable)
      return [
        problem(
          'nats',
          'JetStream is not available: this server does not see more than half of its cluster, or an election is under way',
          'ask again in ten seconds; if it stays so, start the servers that are away (docs/operations.md, Three servers)',
        ),
      ]
    return [
      problem(
        'nats',
        `JetStream is not there for this user’s account: ${cleanLine(message)}`,
        'give the account JetStream ("jetstream: enabled" in the account, or limits in its JWT)',
      ),
    ]
  }
}

/** What nats-server says where a cluster has no quorum. */
const jetStreamUnavailable = 'JetStream system temporarily unavailable'

/** In which domain JetStream is, beside the one in which daemons ask for it. Pure. */
export function judgeDomain(found: string | undefined, configured: string | undefined): Finding[] {
  if (configured === found)
    return found ? [ok('nats', `JetStream is in the domain ${found}, as configured`)] : []
  if (configured === undefined)
    return [ok('nats', `JetStream is in the domain ${found}: at leaf nodes, daemons need it as nats.domain`)]
  return [
    problem(
      'nats',
      `nats.domain is ${configured}, and JetStream here is in ${found ?? 'none'}: daemons wait for streams that are elsewhere`,
      'set nats.domain as jetstream.domain of the server with the streams, or ask there (docs/operations.md, Far sites)',
    ),
  ]
}

/** What we make: the streams, and one for each bucket. */
const neededStreams = Object.keys(streams).length + Object.keys(buckets).length

/** Whether the account's limits let the daemons work; -1 is no limit, and with tiers each has its own. Pure. */
export function judgeAccount({ limits, storage, tiers }: AccountOf): Finding {
  const all = tiers ? Object.values(tiers).filter((one) => one !== undefined) : [{ limits, storage }]
  const fix = 'raise the limits of the account in the server’s configuration, or in its JWT'
  const most = (kind: 'max_storage' | 'max_streams') => {
    const found = all.map((one) => one.limits[kind])
    return found.includes(-1) ? Number.POSITIVE_INFINITY : found.reduce((sum, one) => sum + one, 0)
  }
  const used = all.reduce((sum, one) => sum + one.storage, 0)
  if (most('max_storage') === 0) return problem('nats', 'the account may store nothing in JetStream', fix)
  if (most('max_streams') < neededStreams) {
    const says = `the account may have ${most('max_streams')} streams, and ${neededStreams} are needed`
    return problem('nats', says, fix)
  }
  if (used > 0.9 * most('max_storage')) {
    const says = `the account’s JetStream is nearly full: ${used} of ${most('max_storage')} bytes`
    return warning('nats', says, fix)
  }
  return ok('nats', 'JetStream is on for this user’s account')
}

interface Tier {
  readonly storage: number
  readonly limits: { readonly max_storage: number; readonly max_streams: number }
}
type AccountOf = Tier & { readonly tiers?: Readonly<Partial<Record<`R${number}`, Tier>>> | undefined }

async function maySubscribe({ nc }: Bus): Promise<Finding> {
  const refused: string[] = []
  const subscriptions = ['token.>', 'run.*'].map((subject) =>
    nc.subscribe(subject, { callback: (error) => void (error && refused.push(subject)) }),
  )
  await nc.flush()
  for (const one of subscriptions) one.unsubscribe()
  if (refused.length === 0) return ok('nats', 'this operator may follow runs')
  return problem('nats', `this operator may not subscribe to ${refused.join(', ')}`, permissionsFix)
}

const permissionsFix = 'give the user the permissions of an operator (docs/bus.md, shared/bus/permissions.ts)'

/** What each daemon answers at once. Two have nothing else to answer than that they are there. */
const questions: Readonly<Record<Daemon, string>> = {
  refresher: requests.services,
  storer: `$SRV.PING.${microName('storer')}`,
  distributor: `$SRV.PING.${microName('distributor')}`,
  notifier: requests.status,
}

async function mayAsk(bus: Bus, daemon: Daemon, subject: string): Promise<Finding> {
  try {
    await ask(bus, subject, {})
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    if (/permission/i.test(error.message))
      return problem('nats', `this operator may not ask ${subject}`, permissionsFix)
    // An answer such as "no run yet" comes from a daemon that is there.
    if (error.code === 'no-answer')
      return warning('nats', `no ${daemon} answers`, 'start it, or see its log for why it is gone')
    if (error.code === 'bus-not-ready')
      return problem(
        'nats',
        `the ${daemon} cannot answer: JetStream is slow or away`,
        'see the log of nats-server',
      )
  }
  return ok('nats', `the ${daemon} answers`)
}
