/** What the handlers of this daemon work with. */
import type { KV } from '@nats-io/kv'
import type { Site } from '../../shared/config/site.ts'
import type { Tickets } from '../../shared/kerberos/kinit.ts'
import type { Sealing } from '../../shared/tokens/seal.ts'
import type { VaultPause } from '../../shared/vault/pause.ts'
import type { Revoked } from '../../shared/work/revoked.ts'
import type { RunCache } from '../../shared/work/run-cache.ts'
import type { IssuerDeps } from './issuer/token-from-issuer.ts'
import type { FerryBearer } from './uids/ferry.ts'

export interface RefreshDeps {
  readonly site: () => Site
  readonly targets: KV
  readonly uids: KV
  readonly sealed: KV
  readonly tickets: Tickets
  readonly vaultPause: VaultPause
  readonly answers: RunCache
  readonly ferryBearer?: FerryBearer
  readonly issuer: IssuerDeps
  readonly sealing: Sealing
  /** Private directory with one vault token an entry. */
  readonly tokenDirectory: string
  readonly revoked: Revoked
  /** Marks what this refresher remembers of its targets. */
  readonly memory: Uint8Array
}
