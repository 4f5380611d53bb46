/** What is told of a credd that does not take its token: where pushes wait for that, also what it keeps from nodes. */

import type { Fact } from '../../shared/bus/publish.ts'
import type { Site } from '../../shared/config/site.ts'
import type { Failure } from '../../shared/contracts/errors.ts'
import { type StoreItem, type StoreWork, takesAway } from '../../shared/contracts/messages.ts'
import { failedEvent } from '../../shared/work/failed-event.ts'

/** The event `token.failed` of a store. */
export function reportStore(item: StoreWork, failed: Failure, permanent: boolean, site: Site): Fact {
  const told =
    !takesAway(item) && keepsNodes(item, site)
      ? {
          ...failed,
          message: `${failed.message} Until that credd has it, no node of ${item.entry} gets the new token (distributor.pushAfter: stored).`,
        }
      : failed
  return failedEvent(item, 'store', item.credd, told, permanent)
}

const keepsNodes = ({ entry, mode }: Pick<StoreItem, 'entry' | 'mode'>, { distributor, entries }: Site) =>
  distributor.pushAfter === 'stored' &&
  mode.push &&
  entries.some(({ name, nodes }) => name === entry && nodes.length > 0)
