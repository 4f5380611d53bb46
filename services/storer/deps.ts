/** What the handlers of this daemon work with. */
import type { KV } from '@nats-io/kv'
import type { Site } from '../../shared/config/site.ts'
import type { Tickets } from '../../shared/kerberos/kinit.ts'
import type { VaultPause } from '../../shared/vault/pause.ts'
import type { Revoked } from '../../shared/work/revoked.ts'
import type { RunCache } from '../../shared/work/run-cache.ts'
import type { CondorVersionOptions } from './condor/condor-version.ts'
import type { CreddHealth } from './condor/credd-health.ts'
import type { InLaneDeps } from './exclusive/in-lane.ts'
import type { Staging } from './private-run/stage.ts'

export interface StoreDeps extends InLaneDeps {
  readonly site: () => Site
  readonly targets: KV
  readonly tickets: Tickets
  readonly credds: CreddHealth
  readonly staging: Staging
  readonly hasOwnNames: (options: CondorVersionOptions) => Promise<boolean>
  readonly vaultPause: VaultPause
  /** What collectors said. */
  readonly answers: RunCache
  readonly revoked: Revoked
  /** Marks what this storer remembers of its targets. */
  readonly memory: Uint8Array
}
