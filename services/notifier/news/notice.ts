/** A piece of news for the administrators alone, before it is kept. */
import type { News } from './news.ts'

/** What is told of a dead letter. */
export interface Notice extends Pick<News, 'title' | 'message' | 'action' | 'code' | 'notBy'> {
  /** As KV key tokens. The same for the same news: nobody hears it twice. */
  readonly id: string
}
