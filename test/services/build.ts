/** Small sites, entries and messages for the services' tests: real configuration, read by the real loader. */
import { readEnvironment } from '../../shared/config/environment.ts'
import { loadSiteFrom } from '../../shared/config/load.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import type { TokenReady } from '../../shared/contracts/messages.ts'
import type { Revoked } from '../../shared/work/revoked.ts'
import type { TargetRecord } from '../../shared/work/target-record.ts'

/** A site of two entries, `dune_production` and `nova_production`; `extra` goes in front of the experiments. */
export function siteOf(extra = '', role = ''): Site {
  const text = `keytabPath: /srv/keytabs
kerberosPrincipalPattern: "{{.Account}}/robot@LAB.EXAMPLE"
condorCollectorHost: collector.lab.example
${extra}
experiments:
  dune:
    emails: [dune@lab.example]
    roles:
      production:
        account: dunepro
        desiredUIDOverride: 61234
        destinationNodes: [node1.lab.example, node2.lab.example]
${role.replace(/^(?=.)/gm, '        ')}
  nova:
    emails: [nova@lab.example]
    roles:
      production:
        account: novapro
        destinationNodes: [node1.lab.example]
`
  return loadSiteFrom('managedTokens.yml', Buffer.from(text), readEnvironment({})).site
}

/** The entry `dune_production` of that site. */
export function entryOf(extra = '', role = ''): Entry {
  const entry = siteOf(extra, role).entries.find(({ name }) => name === 'dune_production')
  if (!entry) throw new Error('the site has no dune_production')
  return entry
}

/** Run ids in their order. */
export const runIds = [
  '01J0000000000000000000000A',
  '01J0000000000000000000000B',
  '01J0000000000000000000000C',
] as const
/** A time, `minutes` after the first. */
export const at = (minutes: number) => new Date(Date.UTC(2031, 0, 1, 6, minutes)).toISOString()

export const dune = {
  entry: 'dune_production',
  service: 'dune_production',
  experiment: 'dune',
  role: 'production',
} as const
export const ofRun = (run: string = runIds[0], minutes = 0) =>
  ({ schema: '1.0', run, at: at(minutes) }) as const

export function readyOf(more: Partial<TokenReady> = {}): TokenReady {
  return {
    ...ofRun(),
    ...dune,
    mode: { push: true, notify: true },
    deadline: at(5),
    tokenId: 'id-1',
    expiry: at(600),
    key: 'dune=5Fproduction',
    revision: 1,
    uid: 61_234,
    reused: false,
    credds: [],
    ...more,
  }
}

/** What a target's claim leaves in the bucket `targets`. */
export const recordOf = (run: string, more: object = {}): TargetRecord => ({
  ...{ entry: dune.entry, run, holder: 'h', attempts: 1, lastAttempt: at(1), ...more },
})

/** As long as nobody has revoked anything. */
export const noneRevoked: Revoked = { find: async () => undefined, mustNotBe: async () => {} }
export const nothingRevoked = async () => ({ services: [] })
