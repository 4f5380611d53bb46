/** Looks for secrets where they must not be: in files, texts and what `/proc` shows, plain or encoded. */
import { type Dirent, existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { layoutOf } from '../../sandbox/layout.ts'

export interface Secret {
  /** What it is, for the finding: the value itself is never shown. */
  readonly name: string
  readonly value: string
}

/** Every token the site in `dir` has given out; none where its Vault or its KDC was down. */
export function tokensOf(dir: string): Secret[] {
  const file = layoutOf(dir).tokens
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
  return lines.map((line, index) => {
    const { token, kind, service } = JSON.parse(line) as { token: string; kind: string; service: string }
    return { name: `${kind} token ${index + 1} (${service})`, value: token }
  })
}

/** The seeds of every user and of the seal, the secret part of the Slack webhook, the secret of a client at an issuer, and the key to the nodes. */
export function keysOf(dir: string): Secret[] {
  const { state, config, clientSecret, sshKey } = layoutOf(dir)
  const seeds = ['refresher', 'storer', 'distributor', 'notifier', 'operator'].map((user) => ({
    name: `nkey seed of the ${user}`,
    value: readFileSync(join(state, user, 'nats.nk'), 'utf8').trim(),
  }))
  const seedIn = (...path: string[]) => readFileSync(join(state, ...path), 'utf8').trim()
  const slack = /SLACK_ALERTS_URL: \S+(\/services\/\S+)/.exec(readFileSync(config, 'utf8'))?.[1]
  if (!slack) throw new Error(`${config} has no Slack webhook to look for`)
  return [
    ...seeds,
    { name: 'sealing seed', value: seedIn('distributor', 'sealing.seed') },
    { name: 'signing seed', value: seedIn('refresher', 'signing.seed') },
    { name: 'path of the Slack webhook', value: slack },
    ...(existsSync(clientSecret)
      ? [{ name: 'client secret', value: readFileSync(clientSecret, 'utf8').trim() }]
      : []),
    // The line of the file in which the private half is.
    ...(existsSync(sshKey)
      ? [{ name: 'ssh key', value: readFileSync(sshKey, 'utf8').split('\n')[4] ?? '' }]
      : []),
  ]
}

/** The names of the secrets in `content`, plain, in base64 or in hex. Many contents are searched best for the same array. */
export function findSecrets(content: Buffer | string, secrets: readonly Secret[]): string[] {
  const text = typeof content === 'string' ? content : content.toString('latin1')
  const search = searches.get(secrets) ?? prepareSearch(secrets)
  searches.set(secrets, search)
  const found = search(text)
  return secrets.filter((secret) => found.has(secret)).map(({ name }) => name)
}

type Search = (text: string) => ReadonlySet<Secret>

const searches = new WeakMap<readonly Secret[], Search>()

/**
 * A text is looked at in short pieces, one every `step` characters, and each form is known by every piece it can be met by.
 * To look for one form after the other takes seconds for a whole site, in which this process, and what it serves, stands still.
 */
const [step, pieceLength] = [16, 12]

function prepareSearch(secrets: readonly Secret[]): Search {
  const pieces = new Map<string, { readonly secret: Secret; readonly form: string }[]>()
  for (const secret of secrets)
    for (const form of encode(secret.value)) {
      if (form.length < step + pieceLength - 1)
        throw new Error(`${secret.name} is too short to be looked for`)
      for (let at = 0; at < step; at++) {
        const piece = form.slice(at, at + pieceLength)
        pieces.set(piece, [...(pieces.get(piece) ?? []), { secret, form }])
      }
    }
  return (text) => {
    const found = new Set<Secret>()
    const asked = new Set<string>()
    for (let at = 0; at + pieceLength <= text.length; at += step)
      for (const { secret, form } of pieces.get(text.slice(at, at + pieceLength)) ?? []) {
        if (asked.has(form)) continue
        asked.add(form)
        if (text.includes(form)) found.add(secret)
      }
    return found
  }
}

/** Base64 depends on where in a longer text the value begins: its inner part at each of the three offsets. */
function encode(value: string): string[] {
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.from('x'.repeat(offset) + value)
      .toString('base64')
      .replace(/=+$/, '')
    return text.slice(offset === 0 ? 0 : 4, -4)
  })
  const urls = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  return [...new Set([value, ...base64, ...urls, Buffer.from(value).toString('hex')])]
}

/** `<path>: <secret>` for each secret in a file of `directory`, but for what lies under one of `allowed`. */
export async function scanFiles(
  directory: string,
  secrets: readonly Secret[],
  allowed: readonly string[] = [],
): Promise<string[]> {
  const files = listFiles(directory).filter(
    (file) => !allowed.some((place) => file === place || file.startsWith(`${place}/`)),
  )
  return scan(files, secrets, (file) => relative(directory, file))
}

/** This process may be the Vault of another site, which must be answered meanwhile. */
async function scan(
  files: readonly string[],
  secrets: readonly Secret[],
  nameOf: (file: string) => string,
): Promise<string[]> {
  const found: string[] = []
  for (const file of files) {
    for (const name of findSecrets(readIfThere(file), secrets)) found.push(`${nameOf(file)}: ${name}`)
    await setImmediate()
  }
  return found
}

/** Where tokens of the site in `dir` may lie. */
export function placesOfTokens(dir: string): string[] {
  const { state, nodes, credds, vault } = layoutOf(dir)
  const nodeTmps = existsSync(nodes) ? readdirSync(nodes).map((node) => join(nodes, node, 'tmp')) : []
  return [
    join(state, 'refresher', 'tokens'),
    join(state, 'refresher', 'logins'),
    join(state, 'storer', 'vault-tokens'),
    ...nodeTmps,
    credds,
    vault,
  ]
}

/** Where the keys of the site in `dir` may lie. */
export function placesOfKeys(dir: string): string[] {
  const { state, config, clientSecret, sshKey } = layoutOf(dir)
  const users = readdirSync(state).map((user) => join(state, user, 'nats.nk'))
  return [
    ...users,
    join(state, 'distributor', 'sealing.seed'),
    join(state, 'refresher', 'signing.seed'),
    ...[config, clientSecret, sshKey],
  ]
}

/** Every leak in the directory of a site that has stopped, and in the files of /tmp. */
export async function findLeaks(dir: string): Promise<string[]> {
  const tokens = tokensOf(dir)
  const keys = keysOf(dir)
  return [
    ...(await scanFiles(dir, tokens, placesOfTokens(dir))),
    ...(await scanFiles(dir, keys, placesOfKeys(dir))),
    ...(await scanTmp([...tokens, ...keys])),
  ]
}

/** The files that lie directly in /tmp; directories there belong to somebody else. */
function scanTmp(secrets: readonly Secret[]): Promise<string[]> {
  const files = readdirSync('/tmp', { withFileTypes: true }).filter((entry) => entry.isFile())
  return scan(
    files.map(({ name }) => join('/tmp', name)),
    secrets,
    (file) => file,
  )
}

/** A directory that is gone by now has none. */
function listFiles(directory: string): string[] {
  return listIfThere(directory).flatMap((entry) => {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) return listFiles(path)
    return entry.isFile() ? [path] : []
  })
}

function listIfThere(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const readIfThere = (file: string): Buffer => {
  try {
    return lstatSync(file).size > 64 * 1024 * 1024 ? Buffer.alloc(0) : readFileSync(file)
  } catch {
    // Somebody else's temporary file that is gone by now.
    return Buffer.alloc(0)
  }
}
