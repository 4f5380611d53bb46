/**
 * The predecessor's metrics, under its names, with its labels: its dashboards go on working. The label `service` is the
 * real service, as the predecessor had it, but the entry in the two `current_…_error_count`. What it calls a count is a
 * gauge of the last run, which is 0 again after a clean one.
 */
import { gauge, histogram } from './registry.ts'

/** Seconds from the first start to the last end of a stage in the newest run. */
export const stageSeconds = gauge(
  'stage_duration_seconds',
  'Seconds from the first start to the last end of a stage in the newest run.',
  ['executable', 'stage'],
)

/** Unix time (seconds). */
export const lastFerryRefresh = gauge(
  'last_ferry_refresh',
  'Unix time at which FERRY was last asked for all UIDs and answered.',
)
export const ferryRequestSeconds = histogram(
  'ferry_request_duration_seconds',
  'Seconds until FERRY answered a request.',
  [],
  [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
)
export const ferryRequestErrors = gauge(
  'ferry_request_error_count',
  'Requests to FERRY that failed when it was last asked for all UIDs.',
)

export const kinitSeconds = gauge('kinit_duration_seconds', 'Seconds that the last kinit took.', ['service'])
export const failedKinits = gauge(
  'failed_kinit_count',
  'Entries of the service whose last kinit failed; 0 after a clean run.',
  ['service'],
)

/** Unix time (seconds). */
export const lastTokenGet = gauge(
  'last_token_get_timestamp',
  'Unix time of the last vault token got for a service.',
  ['service'],
)
export const tokenGetSeconds = gauge(
  'token_get_duration_seconds',
  'Seconds that getting the last vault token took.',
  ['service'],
)
export const failedTokenGets = gauge(
  'failed_vault_token_get_count',
  'Entries of the service whose last getting of a vault token failed; 0 after a clean run.',
  ['service'],
)

/** Unix time (seconds). */
export const lastTokenStore = gauge(
  'last_token_store_timestamp',
  'Unix time of the last vault token stored for a service in a credd.',
  ['service', 'credd'],
)
export const tokenStoreSeconds = gauge(
  'token_store_duration_seconds',
  'Seconds that the last storing in a credd took, waiting for the lane included.',
  ['service', 'credd'],
)
export const failedTokenStores = gauge(
  'failed_vault_token_store_count',
  'Entries of the service whose last storing in this credd failed; 0 after a clean run.',
  ['service', 'credd'],
)

export const pingSeconds = histogram(
  'ping_duration_seconds',
  'Seconds that the first contact with a node took in each run: connecting, logging in, placing files.',
  ['node'],
  [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
)
export const failedPings = gauge(
  'failed_ping_count',
  'Whether the node could not be reached at the last attempt (1) or could (0).',
  ['node'],
)

/** Unix time (seconds). */
export const lastTokenPush = gauge(
  'last_token_push_timestamp',
  'Unix time of the last push of a service to a node.',
  ['service', 'node'],
)
export const tokenPushSeconds = gauge(
  'token_push_duration_seconds',
  'Seconds that the last push to a node took.',
  ['service', 'node'],
)
export const failedTokenPushes = gauge(
  'failed_token_push_count',
  'Entries of the service whose last push to this node failed; 0 after a clean run.',
  ['service', 'node'],
)
export const failedServicesPushes = gauge(
  'failed_services_push_count',
  'Services of which a push failed at its last attempt; 0 after a clean run.',
  [],
  async function () {
    const { values } = await failedTokenPushes.get()
    const failing = values.filter(({ value }) => value > 0).map(({ labels }) => labels.service)
    // Of a daemon that pushes nothing there is no series.
    if (values.length > 0) this.set(new Set(failing).size)
    else this.remove()
  },
)

/** Unix time (seconds). `notification_type` is the channel: email, slack, webhook. */
export const adminMessageSent = gauge(
  'admin_error_email_last_sent_timestamp',
  'Unix time of the last attempt to send a message to administrators.',
  ['notification_type', 'success'],
)
export const adminMessageSeconds = gauge(
  'admin_error_email_send_duration_seconds',
  'Seconds that sending the last message to administrators took.',
  ['notification_type'],
)
/** Unix time (seconds). */
export const serviceMessageSent = gauge(
  'service_error_email_last_sent_timestamp',
  'Unix time of the last attempt to send a message about a service to its stakeholders.',
  ['service', 'success'],
)
export const serviceMessageSeconds = histogram(
  'service_error_email_send_duration_seconds',
  'Seconds that sending a message to stakeholders took.',
  [],
  [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
)

export const currentSetupErrors = gauge(
  'current_setup_error_count',
  'Runs in a row in which an entry got no token, since people were last told.',
  ['service'],
)
export const currentPushErrors = gauge(
  'current_push_error_count',
  'Runs in a row in which a push of an entry to a node failed, since people were last told.',
  ['service', 'node'],
)
