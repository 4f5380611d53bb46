/** A storage door of Debian's XRootD, over HTTPS and root://, that trusts one token issuer, and its clients on a node. */
import { execFile } from 'node:child_process'
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startChild } from '../../../sandbox/child.ts'
import { findFreePort } from '../../../sandbox/free-port.ts'
import { type Layout, nodeTmp } from '../../../sandbox/layout.ts'

export const xrootdPackages = [
  ...['xrootd-server', 'xrootd-server-plugins', 'xrootd-scitokens-plugins'],
  ...['xrootd-client', 'xrootd-client-plugins', 'curl'],
]

export interface Door extends AsyncDisposable {
  /** `https://host:port` and `roots://host:port/`, to which a path is added. */
  readonly https: string
  readonly roots: string
}

export interface DoorOptions {
  /** A new directory that everybody may enter. */
  readonly dir: string
  readonly layout: Layout
  readonly issuer: string
  readonly audience: string
  /** Each with its text. */
  readonly files: Readonly<Record<string, string>>
}

/** Nobody's: XRootD refuses to run as root. */
const doorUid = 65_534

export async function startDoor({ dir, layout, issuer, audience, files }: DoorOptions): Promise<Door> {
  const inDoor = (name: string) => join(dir, name)
  for (const [path, words] of Object.entries(files)) {
    mkdirSync(join(dir, 'files', path, '..'), { recursive: true })
    writeFileSync(join(dir, 'files', path), words)
  }
  const ports = { roots: await findFreePort('127.0.0.1'), https: await findFreePort('127.0.0.1') }
  writeFileSync(inDoor('scitokens.cfg'), trustedIssuer(issuer, audience))
  writeFileSync(inDoor('xrootd.cfg'), settings(dir, ports))
  for (const name of ['cert.pem', 'key.pem']) cpSync(join(layout.vault, name), inDoor(name))
  chmodSync(inDoor('key.pem'), 0o400)
  for (const path of ['.', ...readdirSync(dir, { recursive: true, encoding: 'utf8' })])
    chownSync(join(dir, path), doorUid, doorUid)

  const child = await startChild({
    name: 'xrootd',
    command: inNamespace(
      [
        // scitokens-cpp takes the system's bundle and nothing else.
        [layout.vaultCa, '/etc/ssl/certs/ca-certificates.crt'],
        [layout.certificates, certificates],
      ],
      doorUid,
      ['xrootd', '-c', inDoor('xrootd.cfg')],
    ),
    env: { PATH: process.env.PATH ?? '', HOME: dir, XDG_CACHE_HOME: inDoor('keys') },
    log: join(layout.logs, 'xrootd.log'),
    ready: /xrootd .* initialization completed/,
  })
  return {
    https: `https://localhost:${ports.https}`,
    roots: `roots://localhost:${ports.roots}/`,
    [Symbol.asyncDispose]: () => child.stop(),
  }
}

const trustedIssuer = (issuer: string, audience: string) => `[Global]
audience = ${audience}

[Issuer sandbox]
issuer = ${issuer}
base_path = /
`

const settings = (dir: string, ports: { roots: number; https: number }) => `all.adminpath ${dir}
all.pidpath ${dir}
all.export /
oss.localroot ${dir}/files
xrd.network nodnr
xrd.port ${ports.roots}
xrd.tls ${dir}/cert.pem ${dir}/key.pem
xrd.tlsca certdir ${certificates}
xrd.protocol http:${ports.https} libXrdHttp.so
http.header2cgi Authorization authz
xrootd.tls all
xrootd.seclib libXrdSec.so
sec.protocol ztn
ofs.authorize 1
ofs.authlib libXrdAccSciTokens.so config=${dir}/scitokens.cfg
`

/** Where whoever runs in a namespace finds the authorities: a directory that every machine has. */
const certificates = '/mnt'

/** A command of another user in a mount namespace of its own. It dies with its parent. */
function inNamespace(
  mounts: readonly (readonly [what: string, where: string])[],
  uid: number,
  command: readonly string[],
): [string, ...string[]] {
  const mounting = `while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done; shift; exec "$@"`
  const user = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--pdeathsig=KILL']
  return [
    ...(['unshare', '--mount', 'sh', '-euc', mounting, 'sh'] as const),
    ...[...mounts.flat(), '--', ...user, ...command],
  ]
}

/** What a client has done. */
export interface ClientResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Clients of one account on one node, whose `/tmp` is theirs. */
export const clientsOn =
  (layout: Layout, node: string, uid: number) =>
  async (command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ClientResult> => {
    const mounts = [
      [layout.certificates, certificates],
      [nodeTmp(layout, node), '/tmp'],
    ] as const
    const [file, ...words] = inNamespace(mounts, uid, command)
    const options = {
      env: { PATH: process.env.PATH, HOME: '/tmp', X509_CERT_DIR: certificates, ...env },
      timeout: 120_000,
    }
    try {
      return { exitCode: 0, ...(await promisify(execFile)(file, words, options)) }
    } catch (error) {
      const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string }
      // Anything else, such as a program that is not there or hangs, is no answer of a door.
      if (typeof code !== 'number') throw error
      return { exitCode: code, stdout, stderr }
    }
  }

export type Client = ReturnType<typeof clientsOn>

/** The token is read from its file by whoever owns it, and is in no word of a program but the shell's own. */
export function curl(client: Client, tokenFile: string | undefined, url: string, ...options: string[]) {
  const header = tokenFile ? `printf 'header = "Authorization: Bearer %s"' "$(cat ${tokenFile})" |` : 'true |'
  const asking = `${header} curl --silent --show-error --config - --capath "$X509_CERT_DIR" --write-out '\n%{http_code}' "$@"`
  return client(['sh', '-c', asking, 'sh', ...options, url])
}

/** The HTTP status that curl was answered with. */
export const statusOf = ({ stdout }: ClientResult) => stdout.trim().split('\n').at(-1)
