/** Every metric, with its unit and meaning, in one registry per process. Old names are the predecessor's. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export const registry = new Registry()
const registers = [registry]

/** Messages handled, by consumer and by how they ended (ack, term, later, abandon, handBack). */
export const messagesTotal = new Counter({
  name: 'managed_tokens_messages_total',
  help: 'Messages handled, by consumer and end.',
  labelNames: ['consumer', 'end'],
  registers,
})

/** Failures by stable reason code. */
export const failuresTotal = new Counter({
  name: 'managed_tokens_failures_total',
  help: 'Failures of entries and targets, by stage and reason code.',
  labelNames: ['stage', 'code'],
  registers,
})

/** External commands, in seconds, by program and outcome (`ok`, `exit`, `timeout`, `aborted`, `missing`). */
export const commandSeconds = new Histogram({
  name: 'managed_tokens_command_duration_seconds',
  help: 'Duration of external commands, by program and outcome.',
  labelNames: ['program', 'outcome'],
  buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  registers,
})

/** Unix time (seconds) of the last vault token made for a service. */
export const lastTokenGet = new Gauge({
  name: 'managed_tokens_last_token_get_timestamp',
  help: 'Unix time of the last vault token got for a service.',
  labelNames: ['service'],
  registers,
})

/** Unix time (seconds) of the last vault token stored, per service and credd. */
export const lastTokenStore = new Gauge({
  name: 'managed_tokens_last_token_store_timestamp',
  help: 'Unix time of the last vault token stored for a service in a credd.',
  labelNames: ['service', 'credd'],
  registers,
})

/** Unix time (seconds) of the last push, per service and node. */
export const lastTokenPush = new Gauge({
  name: 'managed_tokens_last_token_push_timestamp',
  help: 'Unix time of the last push of a service to a node.',
  labelNames: ['service', 'node'],
  registers,
})
