/** The only place where the process's environment is read: every variable the program knows, once, frozen. */

const known = [
  'MANAGED_TOKENS_STATE',
  'MANAGED_TOKENS_DEV_ENVIRONMENT_LABEL',
  'NATS_URL',
  'NATS_NKEY',
  'NATS_CA',
  'KRB5_CONFIG',
  'KRB5CCNAME',
  'X509_CERT_DIR',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'HTTPS_PROXY',
  'https_proxy',
  'HTTP_PROXY',
  'http_proxy',
  'ALL_PROXY',
  'all_proxy',
  'NO_PROXY',
  'no_proxy',
  'HTGETTOKENOPTS',
  'SEC_CREDENTIAL_STORECRED_OPTS',
  'PATH',
  'HOME',
  'TZ',
  'TERM',
  'NO_COLOR',
  'NODE_COMPILE_CACHE',
  'LOGS_DIRECTORY',
] as const

type Known = (typeof known)[number]

export interface Environment extends Readonly<Partial<Record<Known, string>>> {
  /** What HTCondor's programs read: `CONDOR_CONFIG`, and `_condor_<NAME>`, each of which overrides a setting. */
  readonly condor: Readonly<Record<string, string>>
  /** The OpenTelemetry variables that are set; its SDK reads the most of them itself. */
  readonly otel: Readonly<Partial<Record<string, string>>>
}

/** What of `variables` the program knows. An empty value counts as not set. */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const set = Object.entries(variables).flatMap(([name, value]) => (value ? [[name, value] as const] : []))
  return Object.freeze({
    ...Object.fromEntries(set.filter(([name]) => known.some((one) => one === name))),
    condor: Object.freeze(
      Object.fromEntries(set.filter(([name]) => name === 'CONDOR_CONFIG' || name.startsWith('_condor_'))),
    ),
    otel: Object.freeze(Object.fromEntries(set.filter(([name]) => name.startsWith('OTEL_')))),
  })
}

export const environment: Environment = readEnvironment(process.env)

/** By what programs find the site: its realm, whom to trust, and which proxy to take. A proxy's URL may hold a password. */
const ofSite = known.filter((name) => /^(krb5_config$|(x509|ssl)_cert_)|_proxy$/i.test(name))

function siteVariables(from: Environment): Readonly<Record<string, string>> {
  return Object.fromEntries(ofSite.flatMap((name) => (from[name] ? [[name, from[name]]] : [])))
}

/** The same with HTCondor's, for a shell whose commands are to find the site that a process with `variables` finds. */
export function shellVariables(variables: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const from = readEnvironment(variables)
  return { ...siteVariables(from), ...from.condor }
}

/**
 * The environment every external command starts from, exactly: what a command needs beyond it is added where the command
 * is run, so that nothing of ours (seeds, other users' tickets, inherited tokens) reaches it by accident.
 */
export function commandEnvironment(from: Environment = environment): Readonly<Record<string, string>> {
  return {
    PATH: from.PATH ?? '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
    HOME: from.HOME ?? '/',
    LANG: 'C',
    LC_ALL: 'C',
    ...siteVariables(from),
  }
}

/** The whole environment, for programs of our own only: a daemon reads for itself what it knows. */
export const inheritedEnvironment = (): Readonly<NodeJS.ProcessEnv> => ({ ...process.env })
