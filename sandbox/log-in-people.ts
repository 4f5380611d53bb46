/** Does what `managed-tokens onboard` does for each service that needs a person’s login, with the person at hand. */
import { logInAtIssuer } from '../cli/log-in-at-issuer.ts'
import { loadSite } from '../shared/config/load.ts'
import { ensureDaemonState } from '../shared/daemon/state.ts'
import { readFaults } from './fault-file.ts'
import { writeFaults } from './faults.ts'
import type { IamSite } from './iam-site.ts'

/** Faults of the issuer begin after that: people logged in while it was well. */
export async function logInPeople({ config, layout, issuer }: IamSite): Promise<void> {
  const faults = readFaults(layout.dir)
  writeFaults(layout.dir, {})
  const { site } = loadSite(config)
  await ensureDaemonState(layout.state, 'refresher')
  for (const entry of site.entries.filter(({ oidc }) => oidc?.grant === 'refresh_token')) {
    const done = Promise.withResolvers<void>()
    const show = (_address: string, userCode: string) =>
      void issuer.completeLogin(userCode, entry.account).then(done.resolve, done.reject)
    await Promise.all([
      logInAtIssuer(entry, site, { stateRoot: layout.state, again: true, show }),
      done.promise,
    ])
  }
  writeFaults(layout.dir, faults)
}
