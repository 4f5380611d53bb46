/** A refresher by itself with many entries whose bearer tokens come from a token issuer: no Kerberos, no Vault. Daemon and bus are real. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { startChild } from '../../sandbox/child.ts'
import { findFreePort } from '../../sandbox/free-port.ts'
import { type Layout, layoutOf } from '../../sandbox/layout.ts'
import { startServer } from '../../sandbox/support/daemon.ts'
import { makeTls } from '../../sandbox/tls.ts'
import type { Bus } from '../../shared/bus/connect.ts'
import { ensureOwned } from '../../shared/bus/streams/topology.ts'
import type { IssuerSettings } from './issuer-process.ts'
import { type Refresher, startRefresher } from './refresher-site.ts'

const rolesEach = 100
const clientId = 'managed-tokens'
const scopes = ['compute.create', 'compute.read']
const audience = 'https://ce.bench.test'
/** As INDIGO IAM gives them: an hour. */
const tokenSeconds = 3_600

export interface IssuerSite extends AsyncDisposable {
  /** As an operator. */
  readonly bus: Bus
  readonly entryCount: number
  readonly issuerPid: number
  /** Returns when it is ready. */
  start(): Promise<Refresher>
}

/** Starts all that such a refresher needs. Disposing stops it; the directory is the caller's. */
export async function openIssuerSite(dir: string, entryCount: number): Promise<IssuerSite> {
  await using stack = new AsyncDisposableStack()
  const layout = layoutOf(dir)
  for (const directory of ['vault', 'logs', 'state'] as const) mkdirSync(layout[directory])
  mkdirSync(dirname(layout.clientSecret))
  writeFileSync(layout.clientSecret, randomBytes(24).toString('base64url'), { mode: 0o600 })
  const port = await findFreePort('127.0.0.1')
  const issuer = stack.use(await startIssuer(layout, port))
  const server = stack.use(await startServer({ layout }))
  // The notifier's buckets, which the refresher waits for.
  const notifier = stack.use(await server.connect('notifier'))
  await ensureOwned(notifier, 'notifier')
  const bus = stack.use(await server.connect('operator'))
  const experiments = experimentsOf(entryCount)
  const opened = stack.move()
  return {
    ...{ bus, entryCount, issuerPid: issuer.pid },
    start: () => startRefresher(layout, server.url, configOf(layout, port, experiments)),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

async function startIssuer(layout: Layout, port: number) {
  await makeTls(layout)
  const settings: IssuerSettings = {
    ...{ port, clientId, scopes, audience, tokenSeconds, clientSecretFile: layout.clientSecret },
    ...{ keyFile: join(layout.vault, 'key.pem'), certFile: join(layout.vault, 'cert.pem') },
  }
  const file = join(layout.dir, 'issuer.json')
  writeFileSync(file, JSON.stringify(settings))
  return startChild({
    name: 'the issuer',
    command: [process.execPath, join(import.meta.dirname, 'issuer-process.ts'), file],
    env: { PATH: process.env.PATH ?? '' },
    log: join(layout.logs, 'issuer.log'),
    ready: /the issuer listens/,
  })
}

const configOf = (
  layout: Layout,
  port: number,
  experiments: ReturnType<typeof experimentsOf>,
): Record<string, unknown> => ({
  timeouts: { globalTimeout: '1h' },
  // Never at its time in here, and so the tokens that end before that are looked for.
  schedule: { cron: '0 0 29 2 *', uids: false },
  distributor: { identityFile: layout.sshKey },
  issuers: {
    iam: {
      ...{ url: `https://localhost:${port}`, clientId, clientSecretFile: layout.clientSecret },
      caPath: layout.certificates,
    },
  },
  experiments,
})

const experimentsOf = (entryCount: number) =>
  Object.fromEntries(
    Array.from({ length: entryCount / rolesEach }, (_, e) => [
      `exp${e}`,
      {
        emails: ['nobody@sandbox.test'],
        roles: Object.fromEntries(Array.from({ length: rolesEach }, (_, r) => [`role${r}`, roleOf(e, r)])),
      },
    ]),
  )

const roleOf = (e: number, r: number) => ({
  account: `exp${e}`,
  desiredUIDOverride: 10_000 + e,
  destinationNodes: [`node${r % 50}.sandbox.test`],
  tokenGetterOverride: 'oidc',
  oidc: { issuer: 'iam', grant: 'client_credentials' },
  deliver: [{ bearer: { scopes, audience: [audience], purpose: `role${r}` } }],
})
