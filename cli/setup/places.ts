/** Where setup puts things: the paths that the units of deploy/systemd and docs/operations.md name. */
import { join } from 'node:path'
import { defaultStateRoot, operatorEnvFile, seedFile } from '../../shared/daemon/state.ts'

export const group = 'managed-tokens'
export const keytabsGroup = 'managed-tokens-keytabs'
/** Whoever works with the daemons, where no other user is named. */
export const defaultUser = 'managed-tokens'

export const state = defaultStateRoot
export const logs = '/var/log/managed-tokens'
export const settings = '/etc/managed-tokens'
export const defaultKeytabs = join(settings, 'keytabs')
/** Seeds of everybody on the bus: root's, from where systemd hands each daemon its own. */
export const credentials = join(settings, 'credentials')
/** Whom clients of the bus trust. */
export const authority = join(settings, 'nats-ca.pem')
export const operator = {
  directory: join(state, 'operator'),
  seed: seedFile(state, 'operator'),
  env: operatorEnvFile(state),
}

const nats = '/etc/nats'
export const bus = {
  directory: nats,
  conf: join(nats, 'nats-server.conf'),
  permissions: join(nats, 'permissions.conf'),
  keys: join(nats, 'keys.env'),
  tls: join(nats, 'tls'),
}
export const tls = {
  authority: join(bus.tls, 'ca.pem'),
  authorityKey: join(bus.tls, 'ca.key'),
  certificate: join(bus.tls, 'server.pem'),
  key: join(bus.tls, 'server.key'),
}

export const units = '/etc/systemd/system'
/** Where packages put theirs. */
export const packagedUnits = '/usr/lib/systemd/system'
export const logrotate = '/etc/logrotate.d/managed-tokens-daemons'
/** Where the files of deploy/ say that this program is. */
export const documentedRoot = '/opt/managed-tokens-daemons'
