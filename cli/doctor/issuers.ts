/** Token issuers that are asked without Vault, what our client proves itself with, people's logins there, and the keys of nodes. */
import { NoProof } from '../../services/refresher/issuer/client-proof.ts'
import { clientOf } from '../../services/refresher/issuer/issuer-client.ts'
import { issuerFailure, judgeIssuer } from '../../services/refresher/issuer/issuer-failure.ts'
import { openLoginFiles } from '../../services/refresher/logins/login-files.ts'
import type { IssuerConfig } from '../../shared/config/sections/issuers.ts'
import type { Site } from '../../shared/config/site.ts'
import { stateDirectory } from '../../shared/daemon/state.ts'
import { type Check, type Finding, ok, problem } from './check.ts'
import { lookAtSecret } from './files.ts'

const askMs = 10_000

/** Each issuer that some entry needs: there, trusted, and itself; and the logins that entries need there. */
export function checkIssuers(site: Site, stateRoot: string): Check[] {
  const used = new Set(site.entries.flatMap(({ oidc }) => oidc?.issuer ?? []))
  return [...used].map((name) => ({
    about: 'issuer',
    deadlineMs: 2 * askMs,
    look: async () => [
      ...(await lookAtIssuer(name, site.issuers[name])),
      ...(await lookAtLogins(name, site, stateRoot)),
    ],
  }))
}

async function lookAtIssuer(name: string, config: IssuerConfig | undefined): Promise<Finding[]> {
  if (!config) return []
  const proofs = (['clientSecretFile', 'clientKeyFile'] as const).flatMap((key) => {
    const file = config[key]
    return file ? [lookAtSecret('issuer', file, `issuers.${name}.${key}`)] : []
  })
  try {
    await clientOf(config, { timeoutMs: askMs })
    return [ok('issuer', `${config.url} answers, and its certificate is trusted`), ...proofs]
  } catch (error) {
    // Said by the look at its file.
    if (error instanceof NoProof) return proofs
    const { message, action } = issuerFailure(judgeIssuer(error, {}), { service: 'anybody', url: config.url })
    return [
      problem('issuer', message.replace('No token for anybody from ', '').replace(/\.$/, ''), action),
      ...proofs,
    ]
  }
}

async function lookAtLogins(name: string, { entries }: Site, stateRoot: string): Promise<Finding[]> {
  const files = openLoginFiles(stateDirectory(stateRoot, 'refresher'))
  const needed = entries.filter(({ oidc }) => oidc?.issuer === name && oidc.grant === 'refresh_token')
  const found = await Promise.all(
    needed.map(async (entry) => ({ entry, login: await files.read(entry.name) })),
  )
  return found.map(({ entry, login }) =>
    login
      ? ok('login', `somebody has logged in for ${entry.name}`)
      : problem(
          'login',
          `nobody has logged in for ${entry.name}, as far as this user can see`,
          `managed-tokens onboard ${entry.name}`,
        ),
  )
}

/** The keys that open nodes. */
export const checkIdentities = ({ entries }: Site): Check[] =>
  [...new Set(entries.flatMap(({ identityFile }) => identityFile ?? []))].map((file) => ({
    about: 'ssh key',
    deadlineMs: askMs,
    look: async () => [lookAtSecret('ssh key', file, 'identityFile')],
  }))
