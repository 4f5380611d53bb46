import assert from 'node:assert/strict'
import { chmodSync, chownSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { SiteEntry } from '../../sandbox/entry.ts'
import { creddFile, type Layout, layoutOf, nodeTmp } from '../../sandbox/layout.ts'
import { verifySite } from '../../sandbox/verify.ts'
import { makeTemporaryDirectory } from './site-support.ts'

const node = 'node01.sandbox.test'
const credd = 'credd01.sandbox.test'
const entry: SiteEntry = {
  experiment: 'dune-2',
  experimentOverride: 'dune',
  role: 'production',
  account: 'dunepro',
  uid: 50762,
  uidFrom: 'config',
  nodes: [node],
  credds: [credd],
  creddsFrom: 'collector',
}
const url = 'https://localhost:8200/v1/secret/oauth/creds/dune/dunepro/managedtokens/sandbox.test:production'

describe('the check of a site', () => {
  let layout: Layout
  const onNode = (name: string) => join(nodeTmp(layout, node), name)
  const inCredd = () => creddFile(layout, credd, 'dunepro', 'dune_production')

  /** As a node file should be, unless told otherwise. */
  const put = (name: string, content: string, { uid = 50762, mode = 0o400 } = {}) => {
    rmSync(onNode(name), { force: true, recursive: true })
    writeFileSync(onNode(name), content)
    chownSync(onNode(name), uid, uid)
    chmodSync(onNode(name), mode)
  }
  const problems = async () => (await verifySite({ dir: layout.dir })).flatMap((finding) => finding.problems)

  beforeEach(() => {
    layout = layoutOf(makeTemporaryDirectory())
    const facts = {
      realm: 'SANDBOX.TEST',
      entries: [entry],
      credds: [credd],
      pools: [],
      vaultServer: 'localhost:8200',
    }
    writeFileSync(layout.facts, JSON.stringify(facts))
    for (const path of [layout.tokens, onNode('x'), inCredd()]) mkdirSync(dirname(path), { recursive: true })
    const books = [
      { token: 'hvs.good', kind: 'vault', service: 'dune_production' },
      { token: 'hvs.other', kind: 'vault', service: 'mu2e_production' },
      { token: 'bearer', kind: 'bearer', service: 'dune_production' },
    ]
    writeFileSync(layout.tokens, books.map((line) => `${JSON.stringify(line)}\n`).join(''))
    put('vt_u50762', 'hvs.good\n')
    put('vt_u50762-dune_production', 'hvs.good\n')
    put('jobsub_default_role_dune_50762', 'production\n')
    writeFileSync(inCredd(), JSON.stringify({ vault_token: 'hvs.good', vault_url: url }))
  })
  afterEach(() => rmSync(layout.dir, { recursive: true }))

  it('finds nothing wrong where nothing is, and looks at every target', async () => {
    assert.deepEqual(await verifySite({ dir: layout.dir }), [
      { entry: 'dune-2_production', kind: 'node', target: node, problems: [] },
      { entry: 'dune-2_production', kind: 'credd', target: credd, problems: [] },
    ])
  })

  const service = 'vt_u50762-dune_production'
  const wrong: Record<string, [() => void, string]> = {
    'a missing file': [() => rmSync(onNode('vt_u50762')), '/tmp/vt_u50762 is not there'],
    'a token of another service': [
      () => put(service, 'hvs.other\n'),
      `/tmp/${service} holds a token of mu2e_production`,
    ],
    'a token that Vault never issued': [
      () => put(service, 'hvs.forged\n'),
      `/tmp/${service} holds something that Vault never issued as a vault token`,
    ],
    'a bearer token in the place of a vault token': [
      () => put(service, 'bearer\n'),
      `/tmp/${service} holds something that Vault never issued as a vault token`,
    ],
    'a lost newline': [() => put(service, 'hvs.good'), `/tmp/${service} does not end in a newline`],
    'a mode that others can read': [
      () => put(service, 'hvs.good\n', { mode: 0o444 }),
      `/tmp/${service} has mode 0444`,
    ],
    'a wrong owner': [() => put(service, 'hvs.good\n', { uid: 0 }), `/tmp/${service} belongs to uid 0`],
    'a directory': [
      () => {
        rmSync(onNode(service))
        mkdirSync(onNode(service))
      },
      `/tmp/${service} is no regular file`,
    ],
    'a link to a good file': [
      () => {
        rmSync(onNode(service))
        symlinkSync('vt_u50762', onNode(service))
      },
      `/tmp/${service} is no regular file`,
    ],
    'the wrong role': [
      () => put('jobsub_default_role_dune_50762', 'analysis\n'),
      '/tmp/jobsub_default_role_dune_50762 holds "analysis" instead of the role',
    ],
    'a temporary file that was left': [() => put('.vt.tmp', ''), '/tmp/.vt.tmp should not be there'],
    'a credd with nothing': [() => rmSync(inCredd()), 'has no credential of the service'],
    'a credential that is no JSON': [() => writeFileSync(inCredd(), 'hvs.good'), 'holds no JSON object'],
    'a credential of another service': [
      () => writeFileSync(inCredd(), JSON.stringify({ vault_token: 'hvs.other', vault_url: url })),
      'its vault_token is one of mu2e_production',
    ],
    'a credential with a strange URL': [
      () => writeFileSync(inCredd(), JSON.stringify({ vault_token: 'hvs.good', vault_url: `${url}x` })),
      'its vault_url is not the service’s',
    ],
  }
  for (const [what, [spoil, sentence]] of Object.entries(wrong)) {
    it(`notices ${what}`, async () => {
      spoil()
      assert.deepEqual(await problems(), [sentence])
    })
  }

  it('notices a second name of a token file', async () => {
    linkSync(onNode(service), join(layout.dir, 'second-name'))
    assert.deepEqual(await problems(), [`/tmp/${service} has 2 links`])
  })
})
