/** Looks for secrets where they must not be: in files, texts and what `/proc` shows, plain or encoded. */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
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

/** The seeds of every user and of the seal, and the secret part of the Slack webhook. */
export function keysOf(dir: string): Secret[] {
  const { state, config } = layoutOf(dir)
  const seeds = ['refresher', 'storer', 'distributor', 'notifier', 'operator'].map((user) => ({
    name: `nkey seed of the ${user}`,
    value: readFileSync(join(state, user, 'nats.nk'), 'utf8').trim(),
  }))
  const sealing = readFileSync(join(state, 'distributor', 'sealing.seed'), 'utf8').trim()
  const slack = /SLACK_ALERTS_URL: \S+(\/services\/\S+)/.exec(readFileSync(config, 'utf8'))?.[1]
  if (!slack) throw new Error(`${config} has no Slack webhook to look for`)
  return [
    ...seeds,
    { name: 'sealing seed', value: sealing },
    { name: 'path of the Slack webhook', value: slack },
  ]
}

/** The names of the secrets in `content`, plain, in base64 or in hex. */
export function findSecrets(content: Buffer | string, secrets: readonly Secret[]): string[] {
  const text = typeof content === 'string' ? content : content.toString('latin1')
  return secrets
    .filter(({ value }) => formsOf(value).some((form) => text.includes(form)))
    .map(({ name }) => name)
}

const forms = new Map<string, readonly string[]>()

function formsOf(value: string): readonly string[] {
  const known = forms.get(value) ?? encode(value)
  forms.set(value, known)
  return known
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
export function scanFiles(
  directory: string,
  secrets: readonly Secret[],
  allowed: readonly string[] = [],
): string[] {
  return listFiles(directory)
    .filter((file) => !allowed.some((place) => file === place || file.startsWith(`${place}/`)))
    .flatMap((file) =>
      findSecrets(readIfThere(file), secrets).map((name) => `${relative(directory, file)}: ${name}`),
    )
}

/** Where tokens of the site in `dir` may lie. */
export function placesOfTokens(dir: string): string[] {
  const { state, nodes, credds, vault } = layoutOf(dir)
  const nodeTmps = existsSync(nodes) ? readdirSync(nodes).map((node) => join(nodes, node, 'tmp')) : []
  return [
    join(state, 'refresher', 'tokens'),
    join(state, 'storer', 'vault-tokens'),
    ...nodeTmps,
    credds,
    vault,
  ]
}

/** Where the keys of the site in `dir` may lie. */
export function placesOfKeys(dir: string): string[] {
  const { state, config } = layoutOf(dir)
  const users = readdirSync(state).map((user) => join(state, user, 'nats.nk'))
  return [...users, join(state, 'distributor', 'sealing.seed'), config]
}

/** Every leak in the directory of a site that has stopped, and in the files of /tmp. */
export function findLeaks(dir: string): string[] {
  const tokens = tokensOf(dir)
  const keys = keysOf(dir)
  return [
    ...scanFiles(dir, tokens, placesOfTokens(dir)),
    ...scanFiles(dir, keys, placesOfKeys(dir)),
    ...scanTmp([...tokens, ...keys]),
  ]
}

/** The files that lie directly in /tmp; directories there belong to somebody else. */
function scanTmp(secrets: readonly Secret[]): string[] {
  const files = readdirSync('/tmp', { withFileTypes: true }).filter((entry) => entry.isFile())
  return files.flatMap(({ name }) =>
    findSecrets(readIfThere(join('/tmp', name)), secrets).map((secret) => `/tmp/${name}: ${secret}`),
  )
}

function listFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

const readIfThere = (file: string): Buffer => {
  try {
    return lstatSync(file).size > 64 * 1024 * 1024 ? Buffer.alloc(0) : readFileSync(file)
  } catch {
    // Somebody else's temporary file that is gone by now.
    return Buffer.alloc(0)
  }
}
