/** Real credds of HTCondor: its library behind a main of our own, which the sandbox's KDC and its Kerberos open. */
import { chmodSync, chownSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, startChild } from '../../../sandbox/child.ts'
import { realm } from '../../../sandbox/entry.ts'
import type { Layout } from '../../../sandbox/layout.ts'
import { realHtcondor, run } from './real-programs.ts'

const sources = join(import.meta.dirname, '..', 'condor')

/** Whom a credd works as where it need not be root. */
export const condorUser = 65_534

/** What a credd writes as a fully qualified user. */
export const userOf = (account: string) => `${account}@${realm.toLowerCase()}`

export interface Credd extends AsyncDisposable {
  /** `<account>/<service>.top` below it. */
  readonly credentials: string
  /** Starts it, or starts it anew, with these settings beside its own. */
  start(settings?: Readonly<Record<string, string>>): Promise<void>
  stop(): Promise<void>
}

export interface Htcondor {
  /** A condor_store_cred, by which daemons and people ask the credds. */
  readonly condorStoreCred: string
  /** A credd of this name, which has not started. */
  credd(name: string): Credd
}

/** Builds the credd into `dir`, which others than root must be able to enter. Nothing runs yet. */
export function prepareHtcondor(dir: string, layout: Layout): Htcondor {
  const { python, libraries } = realHtcondor()
  const program = join(dir, 'credd')
  run('sh', ['-euc', link, 'sh', join(sources, 'credd.cpp'), program, libraries])
  const condorStoreCred = join(dir, 'condor_store_cred')
  const clientConfig = join(dir, 'client_config')
  writeFileSync(clientConfig, clientSettings)
  // HTCondor takes the host's keytab, not the caller's ticket, where it is run by root: to it, root is somebody else here.
  writeFileSync(
    condorStoreCred,
    `#!/bin/sh
CONDOR_CONFIG='${clientConfig}' CREDDS='${dir}'
export CONDOR_CONFIG CREDDS
exec unshare --user --map-user=1000 --map-group=1000 '${python}' '${join(sources, 'condor_store_cred.py')}' "$@"
`,
    { mode: 0o755 },
  )
  return { condorStoreCred, credd: (name) => creddOf(program, join(dir, name), layout) }
}

/** The wheel's libraries have the release in their names, and come with those that they need. */
const link = `g++ -o "$2" "$1" "$3"/libcondor_utils*.so -Wl,--allow-shlib-undefined -Wl,-rpath,"$3"`

function creddOf(program: string, dir: string, layout: Layout): Credd {
  const credentials = join(dir, 'credentials')
  for (const directory of [dir, join(dir, 'log')]) {
    mkdirSync(directory)
    chownSync(directory, condorUser, condorUser)
  }
  mkdirSync(credentials)
  chownSync(credentials, 0, condorUser)
  chmodSync(credentials, 0o2770)
  const config = join(dir, 'condor_config')
  const krb5Config = join(dir, 'krb5.conf')
  let child: Child | undefined
  const stop = async () => {
    await child?.stop()
    child = undefined
  }
  return {
    credentials,
    stop,
    async start(settings = {}) {
      await stop()
      const lines = Object.entries({ ...creddSettings(dir, layout.vaultKeytab), ...settings })
      writeFileSync(config, lines.map(([name, value]) => `${name} = ${value}\n`).join(''))
      // The site's own directory is closed to HTCondor's account.
      copyFileSync(layout.krb5Config, krb5Config)
      child = await startChild({
        name: 'credd',
        command: [program, '-f', '-t'],
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', CONDOR_CONFIG: config, KRB5_CONFIG: krb5Config },
        log: join(dir, 'credd.log'),
        ready: /^serving STORE_CRED$/,
      })
    },
    [Symbol.asyncDispose]: stop,
  }
}

const clientSettings = `SEC_DEFAULT_AUTHENTICATION = REQUIRED
SEC_DEFAULT_AUTHENTICATION_METHODS = KERBEROS
`

const creddSettings = (dir: string, keytab: string) => ({
  LOCAL_DIR: dir,
  LOG: join(dir, 'log'),
  CONDOR_IDS: `${condorUser}.${condorUser}`,
  CREDD_ADDRESS_FILE: join(dir, 'address'),
  NETWORK_INTERFACE: '127.0.0.1',
  ENABLE_IPV6: 'False',
  USE_SHARED_PORT: 'False',
  COLLECTOR_HOST: '',
  SEC_DEFAULT_AUTHENTICATION: 'REQUIRED',
  SEC_DEFAULT_AUTHENTICATION_METHODS: 'KERBEROS',
  SEC_DEFAULT_ENCRYPTION: 'REQUIRED',
  KERBEROS_SERVER_KEYTAB: keytab,
  KERBEROS_SERVER_PRINCIPAL: `host/localhost@${realm}`,
  ALLOW_WRITE: `*@${realm.toLowerCase()}`,
  SEC_CREDENTIAL_DIRECTORY_OAUTH: join(dir, 'credentials'),
})
