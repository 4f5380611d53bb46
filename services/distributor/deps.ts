/** What the handlers of this daemon work with. */
import type { KV } from '@nats-io/kv'
import type { Site } from '../../shared/config/site.ts'
import type { Tickets } from '../../shared/kerberos/kinit.ts'
import type { Revoked } from '../../shared/work/revoked.ts'
import type { PushToNodeDeps } from './push-to-node.ts'
import type { PlacedMemory } from './removal/placed.ts'
import type { Unsealing } from './token/unsealing.ts'

export interface PushDeps extends PushToNodeDeps {
  readonly site: () => Site
  readonly targets: KV
  readonly sealed: KV
  readonly tickets: Tickets
  /** Opens what the refresher sealed. */
  readonly unseal: Unsealing
  readonly placed: PlacedMemory
  readonly revoked: Revoked
}
