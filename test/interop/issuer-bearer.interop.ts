/** Bearer tokens of a site without Vault and Kerberos, as its nodes hold them: before scitokens-cpp and at the door of a real XRootD. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { bearerFileName, bearersOf, entryName } from '../../sandbox/entry.ts'
import { iamEntries } from '../../sandbox/iam-entries.ts'
import { type IamSite, startIamSite } from '../../sandbox/iam-site.ts'
import { nodeTmp } from '../../sandbox/layout.ts'
import { logInPeople } from '../../sandbox/log-in-people.ts'
import { makeDirectory, startPipeline } from '../support/pipeline.ts'
import { installPackages } from './support/real-programs.ts'
import { claimsOf, runScitokens } from './support/scitokens.ts'
import {
  type Client,
  clientsOn,
  curl,
  type Door,
  startDoor,
  statusOf,
  xrootdPackages,
} from './support/xrootd-door.ts'

const storage = 'https://dcache.sandbox.test'
const elsewhere = { scopes: ['storage.read:/cms'], audience: ['https://elsewhere.sandbox.test'] }
const entries = iamEntries.map((entry) =>
  entryName(entry) === 'cms_production'
    ? { ...entry, deliver: [...(entry.deliver ?? []), { bearer: { ...elsewhere, purpose: 'elsewhere' } }] }
    : entry,
)

/** Every token of the site, by the file that it lies in on the first of its nodes. */
const tokens = entries.flatMap((entry) =>
  bearersOf(entry).map((bearer) => ({
    ...{ entry, scopes: bearer.scopes, audience: bearer.audience ?? [], node: entry.nodes[0] ?? '' },
    file: bearerFileName(entry, bearer),
  })),
)

describe('bearer tokens of a token issuer', { timeout: 3_600_000 }, () => {
  const stack = new AsyncDisposableStack()
  let site: IamSite
  let dir: string
  let door: Door
  let strangersDoor: Door

  before(async () => {
    installPackages(['scitokens-cpp', ...xrootdPackages])
    dir = stack.use(await makeDirectory()).path
    const pipe = stack.use(
      await startPipeline({
        ...{ dir, entries },
        async start(options) {
          site = await startIamSite(options)
          await logInPeople(site)
          return site
        },
      }),
    )
    const { totals } = await pipe.finish((await pipe.startRun({})).run)
    assert.equal(totals.failed, 0)
    const files = { 'cms/data': 'of cms\n', 'cms/user/old': 'old\n', 'dune/data': 'of dune\n' }
    const open = async (issuer: string) => {
      // Not below the site's directory, which is closed to others.
      const doorDir = await mkdtemp('/tmp/mt-door-')
      stack.defer(() => rm(doorDir, { recursive: true, force: true }))
      return stack.use(
        await startDoor({ dir: doorDir, layout: site.layout, issuer, audience: storage, files }),
      )
    }
    door = await open(site.issuer.url)
    strangersDoor = await open('https://iam.elsewhere.test')
  })
  after(() => stack.disposeAsync())

  const tokenIn = ({ node, file }: (typeof tokens)[number]) =>
    readFileSync(join(nodeTmp(site.layout, node), file), 'utf8').trim()
  const scitokens = (tool: string, ...words: string[]) =>
    runScitokens({ dir, ca: site.layout.vaultCa }, tool, ...words)
  /** The node's own account asks. */
  const at = (file: string, url: string, ...options: string[]) => {
    const token = tokens.find((one) => one.file === file)
    assert.ok(token, file)
    const client: Client = clientsOn(site.layout, token.node, token.entry.uid)
    return curl(client, `/tmp/${file}`, url, ...options)
  }
  const put = async (file: string, path: string) =>
    statusOf(await at(file, `${door.https}${path}`, '--upload-file', '/etc/debian_version'))

  it('are accepted by scitokens-verify, whatever grant they came by, and carry what was asked for', async () => {
    assert.equal(new Set(entries.map(({ oidc }) => oidc?.grant)).size, 3)
    for (const token of tokens) {
      const value = tokenIn(token)
      const said = await scitokens('scitokens-verify', '--profile', 'wlcg', value)
      assert.equal(said, 'Token deserialization successful. (exit 0)', token.file)
      assert.equal(claimsOf(value).scope, token.scopes.join(' '))
      if (token.audience.length > 0) assert.equal(claimsOf(value).aud, token.audience.join(' '))
    }
  })

  it('are refused by it when anything in them was changed', async () => {
    const [head = '', , signature = ''] = tokenIn(tokens[0] as (typeof tokens)[number]).split('.')
    const more = { ...claimsOf(tokenIn(tokens[0] as (typeof tokens)[number])), scope: 'storage.modify:/' }
    const payload = Buffer.from(JSON.stringify(more)).toString('base64url')
    const said = await scitokens('scitokens-verify', [head, payload, signature].join('.'))
    assert.match(said, /^Failed to deserialize a token: .*(?:signature|verify).* \(exit 1\)$/i)
  })

  it('open at an XRootD what they may read, and nothing of others', async () => {
    for (const file of ['bt_u51101-read', 'bt_u51102'])
      assert.equal((await at(file, `${door.https}/cms/data`)).stdout, 'of cms\n\n200', file)
    assert.equal(statusOf(await at('bt_u51101-read', `${door.https}/dune/data`)), '403')
  })

  it('write there below their path alone, and only with the scope for it', async () => {
    assert.equal(await put('bt_u51102-write', '/cms/user/new'), '200')
    assert.equal(await put('bt_u51102-write', '/cms/other'), '403')
    assert.equal(await put('bt_u51101-read', '/cms/user/other'), '403')
    assert.equal(await put('bt_u51101', '/cms/user/other'), '403', 'compute.create is no right at a door')
  })

  it('for another audience, or of an issuer that the door does not trust, open nothing', async () => {
    assert.equal(statusOf(await at('bt_u51101-elsewhere', `${door.https}/cms/data`)), '403')
    assert.equal(statusOf(await at('bt_u51101-read', `${strangersDoor.https}/cms/data`)), '403')
  })
})
