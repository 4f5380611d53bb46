/** `managed-tokens onboard SERVICE`: a person logs in once, and from then on the service's tokens are made unattended. */
import { isatty } from 'node:tty'
import { environment } from '../shared/config/environment.ts'
import { loadSite } from '../shared/config/load.ts'
import { findConfigFile } from '../shared/config/read/find.ts'
import type { Entry, Site } from '../shared/config/site.ts'
import { stateRootOf } from '../shared/daemon/state.ts'
import { findService } from './arguments/find-service.ts'
import { connectOperator } from './bus/connection.ts'
import type { ConnectionOptions } from './bus/way-to-bus.ts'
import { logIn, personOf } from './log-in.ts'
import { startAndWatch } from './runs/watch-runs.ts'
import { UsageError } from './terminal/errors.ts'

export interface OnboardOptions extends ConnectionOptions {
  /** Let the run afterwards push to nodes as well. */
  readonly push: boolean
  /** Start a run afterwards; without it no daemon needs to be there. */
  readonly run: boolean
  /** Log in even where Vault still has a login. */
  readonly again: boolean
  readonly allowRoot: boolean
  readonly json?: boolean
}

/** Exit code 0: logged in, and the run of the service has succeeded; 1: the run has not. Throws when nobody logged in. */
export async function onboard(name: string, options: OnboardOptions): Promise<number> {
  if (process.getuid?.() === 0 && !options.allowRoot)
    throw new UsageError('onboard reads the keytabs: run it as the user of the daemons, or add --allow-root.')
  const { site } = loadSite(findConfigFile(options.config))
  const entry = findService(site, name)
  if (![0, 1, 2].some((fd) => isatty(fd)))
    throw new UsageError('onboard shows a URL and waits for a person: run it on a terminal.')
  // Before somebody takes the trouble to log in: nobody there to ask for the run afterwards is known now.
  await using bus = options.run ? await connectOperator(options) : undefined
  await (entry.oidc ? atIssuer(entry, site, options) : atVault(entry, site, options))
  if (!bus) {
    say(`Next: managed-tokens run --watch -s ${entry.name}`)
    return 0
  }
  return await startAndWatch(bus, { services: [entry.name], push: options.push, notify: false }, options.json)
}

async function atVault(entry: Entry, site: Site, options: OnboardOptions): Promise<void> {
  say(`Logging in for ${entry.name}, as ${entry.principal}.`)
  say(`Where a login is asked for, Vault takes that of ${personOf(entry)}: its key is ${entry.credkey}.`)
  await logIn(entry, site, options)
  say(`Vault has a login for ${entry.name} now.`)
}

async function atIssuer(entry: Entry, site: Site, { state, again }: OnboardOptions): Promise<void> {
  if (entry.oidc?.grant !== 'refresh_token')
    throw new UsageError(
      `${entry.name} needs no login of a person: its grant is ${entry.oidc?.grant}, which the client at the issuer has by itself.`,
    )
  const { logInAtIssuer } = await import('./log-in-at-issuer.ts')
  const stateRoot = stateRootOf(state, environment)
  const show = (address: string, userCode: string) =>
    say(`Complete the authentication at:\n    ${address}\nThe code is ${userCode}. Waiting for the login …`)
  const isNew = await logInAtIssuer(entry, site, { stateRoot, again, show })
  if (isNew) say(`The refresher has a login for ${entry.name} now.`)
  else say(`The refresher has a login for ${entry.name} already; --again asks for another.`)
}

const say = (line: string) => void process.stderr.write(`${line}\n`)
