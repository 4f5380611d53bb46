/** One thing of ours that reads what others have written, and what it promises whatever they write. */

export interface FuzzTarget {
  /** Its folder in the corpus. */
  readonly name: string
  /** What is most likely to confuse it: pieces that texts are made of, beside those of the corpus. */
  readonly words: readonly string[]
  /** No longer text ever comes there (characters). */
  readonly longest: number
  /** How many of them in `npm test`, where reading one takes milliseconds; absent: as usual. */
  readonly cases?: number
  /** Opens what texts are read with. */
  open(): Promise<Reader> | Reader
}

export interface Reader extends Partial<AsyncDisposable> {
  /** Has a text read. Throws, or rejects, where a promise is broken. */
  read(text: string): void | Promise<void>
}

/** A target whose promises need nothing open. */
export const pureTarget = (
  { name, words, longest = mostOfProgram }: Partial<FuzzTarget> & Pick<FuzzTarget, 'name' | 'words'>,
  read: Reader['read'],
): FuzzTarget => ({ name, words, longest, open: () => ({ read }) })

/** What is kept of a stream of a program's output (characters). */
export const mostOfProgram = 64 * 1024
/** What nats-server takes in one message, unless told otherwise. */
export const mostOfBus = 1024 * 1024
