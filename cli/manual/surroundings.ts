/** What the command line finds around it: variables and files, for its manual page. docs/configuration.md says more of them. */
import { searchPath } from '../../shared/config/read/find.ts'
import { defaultStateRoot } from '../../shared/daemon/state.ts'

/** Where a configuration is looked for, as people write it. */
export const directories = searchPath({ HOME: '~', condor: {}, otel: {} }, 'the working directory')

export const environment: Readonly<Record<string, string>> = {
  MANAGED_TOKENS_STATE: 'Root of the private state, where --state names none.',
  MANAGED_TOKENS_DEV_ENVIRONMENT_LABEL: 'Wins over `devEnvironmentLabel`.',
  'NATS_URL, NATS_CA, NATS_NKEY':
    'Where NATS is, the authority of its certificate, and the file with the seed of whoever asks.',
  HTGETTOKENOPTS: 'Options for the htgettoken of the storer; `--credkey` is added.',
  SEC_CREDENTIAL_STORECRED_OPTS: 'Words for the condor_store_cred of the storer.',
  '_condor_*, CONDOR_CONFIG': 'HTCondor’s own settings.',
  X509_CERT_DIR: 'Directory of the grid’s authorities.',
  'SSL_CERT_FILE, SSL_CERT_DIR': 'The system’s authorities.',
  'HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY': 'Proxies, and what is asked without one.',
  KRB5_CONFIG: 'Handed on to every command.',
  LOGS_DIRECTORY: 'Of systemd: where it is below the directory of `logfile`, log files go there.',
  'OTEL_*': 'Read by OpenTelemetry.',
  NO_COLOR: 'No colours, on terminals neither.',
}

export const files: Readonly<Record<string, string>> = {
  '/etc/managed-tokens/managedTokens.yml': `The configuration, see managedTokens.yml(5); looked for in ${directories.join(', ')}.`,
  [defaultStateRoot]:
    'Private state: keys, seeds, logins, and what the daemons keep. None of it is for others.',
  '/etc/default/managed-tokens': 'Variables for the daemons’ units.',
}
