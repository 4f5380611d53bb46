/** Keys of sealing and signing as a site has them: what the refresher seals with, and what the distributor opens with. */
import { createAccount, createCurve } from '@nats-io/nkeys'
import type { Opening, Sealing } from '../../shared/tokens/seal.ts'

export interface SealingPairs {
  readonly sealing: Sealing
  readonly opening: Opening
}

export function makeSealingPairs(): SealingPairs {
  const [distributor, signer] = [createCurve(), createAccount()]
  return {
    sealing: { recipient: distributor.getPublicKey(), signingSeed: signer.getSeed() },
    opening: { seeds: [distributor.getSeed()], trustedSigners: [signer.getPublicKey()] },
  }
}
