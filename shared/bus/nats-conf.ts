/** The configuration file of a nats-server for this system: JetStream, and one nkey user for each of us. Pure. */
import {
  importsOf,
  isPerson,
  type NatsPermissions,
  type NatsUser,
  natsUsers,
  type Person,
  people,
  permissionsOf,
} from './permissions.ts'

export interface NatsConf {
  /** Name or address to listen on. */
  readonly host: string
  /** 0 to 65535; 0 is refused by us: nats-server would take its default. */
  readonly port: number
  readonly serverName: string
  /** JetStream's directory. */
  readonly storeDirectory: string
  /** Public nkeys (`U…`), one for each user. */
  readonly publicKeys: Readonly<Record<NatsUser, string>>
}

/** The text of `server.conf`. It holds no secret: a user is known by the public half of its nkey. */
export function renderNatsConf(conf: NatsConf): string {
  return `# Written at each start; changes here are lost.
server_name: ${quote(conf.serverName)}
listen: ${quote(`${conf.host}:${conf.port}`)}
jetstream {
  store_dir: ${quote(conf.storeDirectory)}
  # What the streams reserve, whatever is free on the disk now.
  max_file_store: 4GB
}
${renderAccounts(conf.publicKeys)}`
}

/** The account of the daemons, in which JetStream is. */
export const daemonsAccount = 'MANAGED_TOKENS'

const accountOf = (base: string, person: Person) => `${base}_${person.toUpperCase()}`

/** What makes the accounts on a site's own server others than usual. */
export interface Lab {
  /** Of several laboratories on one server: in the names of its accounts and of the variables with its keys. */
  readonly lab?: string | undefined
  /** Of JetStream, where daemons reach it through leaf nodes. */
  readonly domain?: string | undefined
}

const underscored = (lab: string) => lab.toUpperCase().replaceAll('-', '_')

/** The `accounts` block alone, for a site that runs its own nats-server. */
const renderAccounts = (publicKeys: Readonly<Record<NatsUser, string>>, lab: Lab = {}) =>
  `accounts {\n${renderEachAccount(publicKeys, lab)}}\n`

function renderEachAccount(publicKeys: Readonly<Record<NatsUser, string>>, { lab, domain }: Lab): string {
  const base = lab ? `${daemonsAccount}_${underscored(lab)}` : daemonsAccount
  const renderUsers = (users: readonly NatsUser[]) =>
    entriesOf(
      'users',
      users.map((user) => renderUser(user, publicKeys[user], permissionsOf(user, domain))),
    )
  const daemons = [
    '    jetstream: enabled',
    renderUsers(natsUsers.filter((user) => !isPerson(user))),
    entriesOf('exports', renderExports(base)),
  ]
  const accounts = [
    [base, daemons] as const,
    ...people.map(
      (person) =>
        [
          accountOf(base, person),
          [renderUsers([person]), entriesOf('imports', renderImports(base, person))],
        ] as const,
    ),
  ]
  const blocks = accounts.map(([name, lines]) => `  ${name}: {\n${lines.join('\n')}\n  }\n`)
  return blocks.join('')
}

/** What people's accounts may import, each with the accounts that do. */
function renderExports(base: string): string[] {
  const services = Map.groupBy(
    people.flatMap((person) => importsOf(person).services.map((one) => ({ ...one, person }))),
    ({ subject }) => subject,
  )
  const streams = Map.groupBy(
    people.flatMap((person) => importsOf(person).streams.map((subject) => ({ subject, person }))),
    ({ subject }) => subject,
  )
  const accounts = (to: readonly { person: Person }[]) =>
    `accounts: [${to.map(({ person }) => accountOf(base, person)).join(', ')}]`
  return [
    ...services.entries().map(([subject, to]) => {
      const several = to.some(({ many }) => many) ? ', response_type: stream' : ''
      return `{ service: ${quote(subject)}${several}, ${accounts(to)} }`
    }),
    ...streams.entries().map(([subject, to]) => `{ stream: ${quote(subject)}, ${accounts(to)} }`),
  ]
}

function renderImports(base: string, person: Person): string[] {
  const { services, streams } = importsOf(person)
  const from = (subject: string) => `{ account: ${base}, subject: ${quote(subject)} }`
  return [
    ...services.map(({ subject, to }) => {
      const mapped = to === subject ? '' : `, to: ${quote(to)}`
      return `{ service: ${from(subject)}${mapped} }`
    }),
    ...streams.map((subject) => `{ stream: ${from(subject)} }`),
  ]
}

/** The environment variable in which a nats-server of a site finds the user's public key. */
export const keyVariable = (user: NatsUser, lab?: string) =>
  `NATS_${lab ? `${underscored(lab)}_` : ''}${user.toUpperCase()}_KEY`

/**
 * The text of `deploy/nats/permissions.conf`: the same at every site, since public keys come from the environment. For one of
 * several labs on a server only what belongs into its `accounts` block.
 */
export function renderPermissionsFile(lab: Lab = {}): string {
  const variables = Object.fromEntries(natsUsers.map((user) => [user, `$${keyVariable(user, lab.lab)}`]))
  const render = lab.lab ? renderEachAccount : renderAccounts
  return `# Who may say and hear what. Made from shared/bus/permissions.ts by deploy/nats/write-permissions.ts; changes here are lost.
${render(variables as Record<NatsUser, string>, lab)}`
}

function renderUser(
  user: NatsUser,
  publicKey: string,
  { publish, deny = [], subscribe }: NatsPermissions,
): string {
  const denied = deny.length > 0 ? `, deny: ${list(deny)}` : ''
  return `# ${user}
      { nkey: ${publicKey}, permissions: {
        publish: { allow: ${list(publish)}${denied} }
        subscribe: { allow: ${list(subscribe)} }
      } }`
}

const entriesOf = (name: string, entries: readonly string[]) =>
  `    ${name}: [\n${entries.map((entry) => `      ${entry}\n`).join('')}    ]`

/** A subject a line: a change of permissions is to be read as one. */
const list = (subjects: readonly string[]) =>
  `[\n${[...new Set(subjects)].map((subject) => `          ${quote(subject)}\n`).join('')}        ]`

/** nats-server's strings know the escapes that JSON's have. */
const quote = (text: string) => JSON.stringify(text)
