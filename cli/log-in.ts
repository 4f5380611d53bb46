/** The login of a person for one entry: htgettoken on this terminal, with which Vault then keeps the experiment's refresh token. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { authorityOption } from '../shared/authority-option.ts'
import { commandEnvironment, environment } from '../shared/config/environment.ts'
import type { Entry, Site } from '../shared/config/site.ts'
import { type InteractiveOutcome, runInteractive } from '../shared/interactive-command.ts'
import { openTickets } from '../shared/kinit.ts'
import { findVaultServer } from '../shared/vault-server.ts'

/** htgettoken itself gives a person two minutes, and its own words about that are the better ones (milliseconds). */
const loginMs = 150_000
/** The ticket is only used at the beginning (milliseconds). */
const ticketMs = 5 * 60_000

/** The person did not get through. The message says what to do next. */
export class LoginFailed extends Error {
  override readonly name = 'LoginFailed'
}

/**
 * Lets somebody log in for `entry`; with `again` also where Vault already has a login. The ticket and the tokens of it are
 * gone afterwards: only Vault keeps something. Throws LoginFailed, or Permanent or Transient where there is no ticket.
 */
export async function logIn(entry: Entry, site: Site, { again }: { again: boolean }): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'managed-tokens-onboard-'))
  try {
    const limits = { timeoutMs: site.timeouts.kerberosMs, signal: new AbortController().signal }
    await using tickets = await openTickets(join(home, 'tickets'))
    const ccache = await tickets.ccacheOf(entry, { ...limits, minLifeMs: ticketMs })
    const vaultServer = await findVaultServer(entry, { ...site.refresher, ...limits })
    const outcome = await runInteractive({
      file: site.refresher.htgettoken,
      args: loginArguments(entry, { vaultServer, caPath: site.vault.caPath, again }, home),
      env: {
        ...commandEnvironment(),
        HOME: home,
        XDG_RUNTIME_DIR: home,
        KRB5CCNAME: `FILE:${ccache}`,
        TERM: environment.TERM ?? 'dumb',
      },
      timeoutMs: loginMs,
    })
    if (outcome.kind !== 'exited' || outcome.exitCode !== 0)
      throw new LoginFailed(describeEnd(entry, outcome))
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

export interface LoginServer {
  readonly vaultServer: string
  readonly caPath?: string | undefined
  readonly again: boolean
}

/**
 * htgettoken's argument list. Server, issuer, role and credkey are those of the unattended runs, or Vault would keep the
 * login where those do not look. The vault token made on the way may store logins: it lives no longer than is needed. Pure.
 */
export function loginArguments(
  entry: Entry,
  { vaultServer, caPath, again }: LoginServer,
  home: string,
): string[] {
  return [
    '--nossh',
    ...(again ? ['--nokerberos'] : []),
    `--vaultserver=${vaultServer}`,
    `--issuer=${entry.realExperiment}`,
    `--role=${entry.role}`,
    `--credkey=${entry.credkey}`,
    '--vaulttokenttl=1h',
    `--vaulttokeninfile=${join(home, 'vault-token')}`,
    `--vaulttokenfile=${join(home, 'vault-token')}`,
    `--outfile=${join(home, 'bearer')}`,
    `--configdir=${join(home, 'config')}`,
    ...authorityOption(caPath),
  ]
}

function describeEnd(entry: Entry, outcome: InteractiveOutcome): string {
  const again = `Try again: managed-tokens onboard ${entry.name}`
  switch (outcome.kind) {
    case 'exited':
      return `Nobody is logged in for ${entry.name}: htgettoken says above why. ${again}`
    case 'timeout':
      return `Nobody logged in for ${entry.name} in time. ${again}`
    case 'killed':
      return `The login for ${entry.name} was given up; nothing has changed. ${again}`
    case 'missing':
      return `htgettoken ${outcome.reason}: install it on this machine, or name it with refresher.htgettoken in the configuration.`
  }
}
