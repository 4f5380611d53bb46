/** A real MIT Kerberos realm in a directory: its database, its keytabs, and a KDC that can be stopped and started. */
import { execFile } from 'node:child_process'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Child, startChild } from './child.ts'
import { realm } from './entry.ts'
import { findFreePort } from './free-port.ts'
import type { Layout } from './layout.ts'

const run = promisify(execFile)

/** A keytab to be made (mode 0600) with a fresh key for each principal. */
export interface KeytabSpec {
  readonly file: string
  readonly principals: readonly string[]
}

export interface Kdc extends AsyncDisposable {
  /** `host:port`, TCP and UDP. */
  readonly address: string
  start(): Promise<void>
  stop(): Promise<void>
  /** Gives the principals of a keytab new keys, and leaves only those in it: tickets made before are refused from now on. */
  rekey(keytab: KeytabSpec): Promise<void>
}

/** Makes the realm and all keytabs; the KDC does not run yet. Environment: `KRB5_CONFIG` is `layout.krb5Config`. */
export async function createRealm(
  layout: Layout,
  keytabs: readonly KeytabSpec[],
  loopback: string,
): Promise<Kdc> {
  mkdirSync(layout.kdc, { mode: 0o700 })
  const address = `${loopback}:${await findFreePort(loopback)}`
  writeFileSync(layout.krb5Config, clientConfig(address))
  writeFileSync(join(layout.kdc, 'kdc.conf'), serverConfig(layout, address))
  const env = kdcEnv(layout)
  // The master password guards a database that lives as long as its directory: nobody ever types it.
  await run('kdb5_util', ['create', '-s', '-r', realm, '-P', 'sandbox'], { env })
  await makeKeytabs(keytabs, env)
  return controlKdc(layout, address)
}

/** One kadmin.local call for everything, because each call opens the database anew. */
async function makeKeytabs(keytabs: readonly KeytabSpec[], env: Record<string, string>): Promise<void> {
  const commands = keytabs.flatMap(({ file, principals }) => [
    ...principals.map((principal) => `addprinc -randkey ${principal}`),
    ...principals.map((principal) => `ktadd -norandkey -k "${file}" ${principal}`),
  ])
  await kadminLocal(commands, env)
}

async function rekey({ file, principals }: KeytabSpec, env: Record<string, string>): Promise<void> {
  const fresh = `${file}.new`
  // With `-norandkey` it would hold the old keys as well.
  await kadminLocal(
    principals.map((principal) => `ktadd -k "${fresh}" ${principal}`),
    env,
  )
  renameSync(fresh, file)
}

async function kadminLocal(commands: readonly string[], env: Record<string, string>): Promise<void> {
  const kadmin = run('kadmin.local', ['-r', realm], { env, maxBuffer: 64 * 1024 * 1024 })
  kadmin.child.stdin?.end(`${commands.join('\n')}\nquit\n`)
  const { stderr } = await kadmin
  const complaint = stderr.split('\n').find((line) => /while|unknown|invalid/i.test(line))
  if (complaint) throw new Error(`kadmin.local refused: ${complaint}`)
}

function controlKdc(layout: Layout, address: string): Kdc {
  let child: Child | undefined
  const start = async () => {
    child ??= await startChild({
      name: 'krb5kdc',
      command: ['krb5kdc', '-n'],
      env: kdcEnv(layout),
      log: join(layout.logs, 'krb5kdc.log'),
      ready: /commencing operation/,
    })
  }
  const stop = async () => {
    await child?.stop()
    child = undefined
  }
  return {
    ...{ address, start, stop },
    rekey: (keytab) => rekey(keytab, kdcEnv(layout)),
    [Symbol.asyncDispose]: stop,
  }
}

const kdcEnv = (layout: Layout) => ({
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  KRB5_CONFIG: layout.krb5Config,
  KRB5_KDC_PROFILE: join(layout.kdc, 'kdc.conf'),
})

/** TCP first (`udp_preference_limit`): a stopped KDC is then refused at once instead of timing out. */
const clientConfig = (address: string) => `[libdefaults]
  default_realm = ${realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
  forwardable = true
[realms]
  ${realm} = {
    kdc = ${address}
  }
[domain_realm]
  .sandbox.test = ${realm}
  localhost = ${realm}
`

const serverConfig = (layout: Layout, address: string) => `[kdcdefaults]
  kdc_listen = ${address}
  kdc_tcp_listen = ${address}
[realms]
  ${realm} = {
    database_name = ${layout.kdc}/principal
    key_stash_file = ${layout.kdc}/stash
    acl_file = ${layout.kdc}/kadm5.acl
    max_life = 24h
    max_renewable_life = 7d
    supported_enctypes = aes256-cts-hmac-sha1-96:normal
  }
[logging]
  kdc = STDERR
`
