/** The entries of `--site iam`: the shape of CMS, one for each grant, on three nodes. */
import type { SiteEntry } from './entry.ts'

const nodes = ['cmsfe01', 'cmsfe02', 'cmsui01'].map((name) => `${name}.sandbox.test`)
const [frontend1 = '', frontend2 = '', userInterface = ''] = nodes
const storage = 'https://dcache.sandbox.test'

/** CEs, each of which pilots need a token of its own for. */
const doors = ['ce01', 'ce02'].map((name) => `${name}.sandbox.test:9619`)

const common = { uidFrom: 'config', credds: [], creddsFrom: 'none' } as const

export const iamEntries: readonly SiteEntry[] = [
  {
    ...{ ...common, experiment: 'cms', role: 'production', account: 'cmsprod', uid: 51101 },
    nodes: [frontend1, frontend2],
    oidc: { grant: 'client_credentials' },
    deliver: [
      { bearer: { scopes: ['compute.create', 'compute.read'] } },
      { bearer: { scopes: ['storage.read:/cms'], audience: [storage], purpose: 'read' } },
      {
        bearer: {
          ...{ scopes: ['compute.create'], audiences: doors, each: true },
          ...{ path: '/tmp/pilot-{{.AudienceHost}}.jwt', newline: false },
        },
      },
    ],
  },
  {
    ...{ ...common, experiment: 'cms', role: 'analysis', account: 'cmsana', uid: 51102 },
    nodes: [frontend2, userInterface],
    oidc: { grant: 'refresh_token' },
    deliver: [
      { bearer: { scopes: ['storage.read:/cms'] } },
      { bearer: { scopes: ['storage.create:/cms/user'], audience: [storage], purpose: 'write' } },
    ],
  },
  {
    ...{ ...common, experiment: 'cms', role: 'transfer', account: 'cmstrans', uid: 51103 },
    uidFrom: 'node',
    nodes: [userInterface],
    oidc: { grant: 'token_exchange' },
    deliver: [{ bearer: { scopes: ['storage.stage:/cms'], audience: [storage] } }],
  },
]
