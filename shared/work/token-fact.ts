/** `token.<fact>`: how one target of a run has ended well. */
import type { Fact } from '../bus/publish.ts'
import type { AboutEntry } from '../contracts/envelope.ts'
import type { TokenPushed, TokenReady, TokenRemoved, TokenStored } from '../contracts/messages.ts'
import { type TokenFact, tokenSubject } from '../contracts/subjects.ts'

interface Bodies {
  readonly ready: TokenReady
  readonly stored: TokenStored
  readonly pushed: TokenPushed
  readonly removed: TokenRemoved
}

/** Published once per run and target, which `target` is the subject of. */
export const tokenFact = <F extends TokenFact & keyof Bodies>(
  fact: F,
  item: AboutEntry,
  target: string,
  body: Bodies[F],
): Fact => ({ kind: 'fact', subject: tokenSubject(fact, item), id: `${item.run}.${target}.${fact}`, body })
