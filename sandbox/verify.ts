/** Looks at the ends of the pipe: whether every token is where an experimenter's tools will look for it, and is what it should be. */
import { readFile } from 'node:fs/promises'
import { z } from '../shared/contracts/zod.ts'
import { readClaims } from '../shared/tokens/jwt-claims.ts'
import {
  bearerFileName,
  bearersOf,
  deliversVault,
  entryName,
  nodesOf,
  principalOf,
  realExperiment,
  type SiteBearer,
  type SiteEntry,
  serviceName,
} from './entry.ts'
import { anyAudience } from './issuer/any-audience.ts'
import { creddFile, type Layout, layoutOf } from './layout.ts'
import { readSiteFacts, type SiteFacts } from './site-facts.ts'
import { checkNodeFile, findStrays, type NodeFile } from './verify-node.ts'

/** One target and all that is wrong with it; without problems it is as it should be. */
export interface Finding {
  /** Absent: it is about the node as a whole. */
  readonly entry?: string
  readonly kind: 'node' | 'credd'
  readonly target: string
  /** Sentences for people; never a token. */
  readonly problems: readonly string[]
}

/** Whose each token is, from the Vault stand-in's books, by its kind. */
type Issued = Readonly<Record<Kind, ReadonlyMap<string, string>>>
type Kind = 'vault' | 'bearer'

/** One finding for each entry × target of the site in `dir`, and one for each node with files that nobody ordered. */
export async function verifySite({ dir }: { readonly dir: string }): Promise<Finding[]> {
  const layout = layoutOf(dir)
  const facts = readSiteFacts(dir)
  const issued = await readTokens(layout)
  const { entries } = facts
  const targets = entries.flatMap((entry) => [
    ...entry.nodes.map((node) => verifyNode(layout, entries, entry, node, issued)),
    ...entry.credds.map((credd) => verifyCredd(layout, facts, entry, credd, issued)),
  ])
  const strays = nodesOf(entries).map((node) => verifyStrays(layout, entries, node))
  return [...(await Promise.all(targets)), ...(await Promise.all(strays)).flat()]
}

async function verifyNode(
  layout: Layout,
  entries: readonly SiteEntry[],
  entry: SiteEntry,
  node: string,
  issued: Issued,
): Promise<Finding> {
  const files = nodeFiles(entries, entry, node, issued)
  const problems = await Promise.all(files.map((file) => checkNodeFile(layout, node, file)))
  return { entry: entryName(entry), kind: 'node', target: node, problems: problems.flat() }
}

/** The files of an entry on a node. */
function nodeFiles(
  entries: readonly SiteEntry[],
  entry: SiteEntry,
  node: string,
  issued: Issued,
): NodeFile[] {
  const { uid } = entry
  const service = serviceName(entry)
  // Entries of one account share `vt_u<UID>` on a node; the last one pushed wins.
  const sharing = entries.filter((other) => other.uid === uid && other.nodes.includes(node)).map(serviceName)
  const secret = (name: string, services: readonly string[], kind: Kind): NodeFile => ({
    ...{ name, uid, mode: 0o400 },
    judge: (text) => judgeToken(text, services, issued, kind),
  })
  return [
    ...(deliversVault(entry)
      ? [secret(`vt_u${uid}`, sharing, 'vault'), secret(`vt_u${uid}-${service}`, [service], 'vault')]
      : []),
    ...bearersOf(entry).map((bearer) => {
      const name = bearerFileName(entry, bearer)
      if (!entry.oidc) return secret(name, [service], 'bearer')
      return { ...secret(name, [], 'bearer'), judge: (text: string) => judgeJwt(text, bearer, issued) }
    }),
    ...(entry.oidc ? [] : [roleFile(entry)]),
  ]
}
const roleFile = (entry: SiteEntry): NodeFile => ({
  name: `jobsub_default_role_${realExperiment(entry)}_${entry.uid}`,
  uid: entry.uid,
  judge: (text) =>
    text.trim() === entry.role ? [] : [`holds "${text.trim().slice(0, 40)}" instead of the role`],
})

/** Of a token issuer that is asked directly: it gave this token, with these rights and for these audiences alone. */
function judgeJwt(
  text: string,
  { scopes, audience = [anyAudience], newline = true }: SiteBearer,
  issued: Issued,
): string[] {
  if (text.endsWith('\n') !== newline) return [newline ? 'does not end in a newline' : 'ends in a newline']
  if (!issued.bearer.has(text.trimEnd())) return ['holds something that the token issuer never gave']
  const claims = readClaims(
    text,
    z.object({ scope: z.string(), aud: z.union([z.string(), z.array(z.string())]) }),
  )
  return [
    ...(claims?.scope === scopes.join(' ') ? [] : [`has the scopes ${claims?.scope}`]),
    ...([claims?.aud].flat().join() === audience.join() ? [] : [`is for ${claims?.aud}`]),
  ]
}

/** The newline at the end is part of what htgettoken writes and its readers expect. */
function judgeToken(text: string, services: readonly string[], issued: Issued, kind: Kind): string[] {
  if (!text.endsWith('\n')) return ['does not end in a newline']
  const service = issued[kind].get(text.slice(0, -1))
  if (service === undefined) return [`holds something that Vault never issued as a ${kind} token`]
  return services.includes(service) ? [] : [`holds a token of ${service}`]
}

async function verifyCredd(
  layout: Layout,
  facts: SiteFacts,
  entry: SiteEntry,
  credd: string,
  issued: Issued,
): Promise<Finding> {
  const text = await readFile(creddFile(layout, credd, entry.account, serviceName(entry)), 'utf8').catch(
    () => '',
  )
  const problems =
    text === '' ? ['has no credential of the service'] : judgeCredential(text, facts, entry, issued)
  return { entry: entryName(entry), kind: 'credd', target: credd, problems }
}

function judgeCredential(text: string, facts: SiteFacts, entry: SiteEntry, issued: Issued): string[] {
  const credential = parseObject(text)
  if (!credential) return ['holds no JSON object']
  const { vault_token: token, vault_url: url } = credential
  const service = typeof token === 'string' ? issued.vault.get(token) : undefined
  const credkey = principalOf(entry.account).replace(/@.*$/, '')
  const path = `/v1/secret/oauth/creds/${realExperiment(entry)}/${credkey}:${entry.role}`
  return [
    ...(service === undefined ? ['its vault_token is none that Vault issued'] : []),
    ...(service !== undefined && service !== serviceName(entry)
      ? [`its vault_token is one of ${service}`]
      : []),
    ...(url === `https://${facts.vaultServer}${path}` ? [] : ['its vault_url is not the service’s']),
  ]
}

async function verifyStrays(layout: Layout, entries: readonly SiteEntry[], node: string): Promise<Finding[]> {
  const here = entries.filter((entry) => entry.nodes.includes(node))
  const expected = here.flatMap((entry) => nodeFiles(entries, entry, node, noTokens).map(({ name }) => name))
  const strays = await findStrays(layout, node, expected)
  if (strays.length === 0) return []
  return [
    {
      entry: '',
      kind: 'node',
      target: node,
      problems: strays.map((name) => `/tmp/${name} should not be there`),
    },
  ]
}

const noTokens: Issued = { vault: new Map(), bearer: new Map() }

async function readTokens(layout: Layout): Promise<Issued> {
  const text = await readFile(layout.tokens, 'utf8').catch(() => '')
  const lines = text.split('\n').filter(Boolean)
  const tokens = lines.map((line) => JSON.parse(line) as { token: string; kind: string; service: string })
  const ofKind = (wanted: Kind) =>
    new Map(tokens.filter(({ kind }) => kind === wanted).map(({ token, service }) => [token, service]))
  return { vault: ofKind('vault'), bearer: ofKind('bearer') }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}
