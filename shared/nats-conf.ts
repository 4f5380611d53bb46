/** The configuration file of a nats-server for this system: JetStream, and one nkey user for each of us. Pure. */
import { type NatsPermissions, type NatsUser, natsUsers, permissionsOf } from './nats-permissions.ts'

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
}
${renderAuthorization(conf.publicKeys)}`
}

/** The `authorization` block alone, for a site that runs its own nats-server. */
export function renderAuthorization(publicKeys: Readonly<Record<NatsUser, string>>): string {
  const users = natsUsers.map((user) => renderUser(user, publicKeys[user], permissionsOf(user)))
  return `authorization {\n  users: [\n${users.join('\n')}\n  ]\n}\n`
}

/** The environment variable in which a nats-server of a site finds the user's public key. */
export const keyVariable = (user: NatsUser) => `NATS_${user.toUpperCase()}_KEY`

/** The text of `deploy/nats/permissions.conf`: the same at every site, since public keys come from the environment. */
export function renderPermissionsFile(): string {
  const variables = Object.fromEntries(natsUsers.map((user) => [user, `$${keyVariable(user)}`]))
  return `# Who may say and hear what. Made from shared/nats-permissions.ts by deploy/nats/write-permissions.ts; changes here are lost.
${renderAuthorization(variables as Record<NatsUser, string>)}`
}

function renderUser(user: NatsUser, publicKey: string, permissions: NatsPermissions): string {
  const { publish, denyPublish, subscribe, allowResponses } = permissions
  const lines = [
    `      publish: { allow: ${list(publish)}${denyPublish.length > 0 ? `, deny: ${list(denyPublish)}` : ''} }`,
    `      subscribe: { allow: ${list(subscribe)} }`,
    ...(allowResponses ? ['      allow_responses: { max: 1, expires: "1m" }'] : []),
  ]
  return `    # ${user}\n    { nkey: ${publicKey}, permissions: {\n${lines.join('\n')}\n    } }`
}

/** A subject a line: a change of permissions is to be read as one. */
const list = (subjects: readonly string[]) =>
  `[\n${[...new Set(subjects)].map((subject) => `        ${quote(subject)}`).join('\n')}\n      ]`

/** nats-server's strings know the escapes that JSON's have. */
const quote = (text: string) => JSON.stringify(text)
