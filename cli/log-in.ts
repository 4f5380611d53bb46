/** The login of a person for one entry: htgettoken on this terminal, with which Vault then keeps the experiment's refresh token. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type InteractiveOutcome, runInteractive } from '../shared/commands/interactive-command.ts'
import { commandEnvironment, environment } from '../shared/config/environment.ts'
import type { Entry, Site } from '../shared/config/site.ts'
import { openTickets } from '../shared/kerberos/kinit.ts'
import { authorityOption } from '../shared/vault/authority-option.ts'
import { findVaultServer } from '../shared/vault/server.ts'
import { judgeVault, vaultWords } from '../shared/vault/texts.ts'

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

/** What to tell the person, with the next step. Pure. */
export function describeEnd(entry: Entry, outcome: InteractiveOutcome): string {
  const again = `Try again: managed-tokens onboard ${entry.name}`
  switch (outcome.kind) {
    case 'exited':
      return `Nobody is logged in for ${entry.name}: ${describeFailure(entry, outcome.stderr)} ${again}`
    case 'timeout':
      return `Nobody logged in for ${entry.name} in time. ${again}`
    case 'killed':
      return `The login for ${entry.name} was given up; nothing has changed. ${again}`
    case 'missing':
      return `htgettoken ${outcome.reason}: install it on this machine, or name it with refresher.htgettoken in the configuration.`
  }
}

/**
 * Whose login Vault keeps under the entry's key: htvault-config lets a person write only where the key begins with the name
 * that the token issuer gives that person.
 */
export const personOf = ({ credkey }: Pick<Entry, 'credkey'>) => credkey.split('/')[0] ?? credkey

/** What htgettoken says of a person's login, and what that is for the person. The first match counts. */
const loginTexts: readonly (readonly [RegExp, (entry: Entry) => string])[] = [
  [
    /^htgettoken: Refresh token storage to \S+ failed: HTTPError: Forbidden/m,
    (entry) =>
      `Vault keeps under ${entry.credkey} only the login of ${personOf(entry)}, and somebody else logged in. Log in as ${personOf(entry)}, or set credkeyOverride to a key that begins with the name of who is to log in.`,
  ],
  [
    /login failed\. Expired or missing OAuth state/,
    () => 'the page was opened too late, or of an earlier attempt. Open the new one that is shown.',
  ],
  [
    /Polling for response took longer|authorization_pending|slow_down|expired_token/,
    () => 'the login on the page was not completed in time.',
  ],
  [/error in response from \S+: access_denied/, () => 'the login was refused on the page.'],
]

function describeFailure(entry: Entry, stderr: string): string {
  const known = loginTexts.find(([text]) => text.test(stderr))?.[1]
  if (known) return known(entry)
  const { code } = judgeVault({ kind: 'exited', exitCode: 1, stdout: '', stderr })
  const words = code && vaultWords[code]
  return words ? `${words}; htgettoken says above what it met.` : 'htgettoken says above why.'
}
