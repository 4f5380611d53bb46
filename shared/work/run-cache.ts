/** Answers that are the same for many entries of a run, asked for once: five hundred entries do not ask a collector five hundred times. */

export interface RunCache {
  /** The answer of `ask` for `question`, from its first call in this run on. A failure is told to who waits, and asked again later. */
  once<T>(run: string, question: readonly unknown[], ask: () => Promise<T>): Promise<T>
}

/** How long a failure counts for everybody (milliseconds): those who wait must not each wait out the same timeout. */
const failedMs = 3_000

/** Remembers the newest run's answers; an older run that comes after it asks for itself. */
export function openRunCache(): RunCache {
  let newest = ''
  let answers = new Map<string, Promise<unknown>>()
  return {
    once<T>(run: string, question: readonly unknown[], ask: () => Promise<T>): Promise<T> {
      if (run < newest) return ask()
      if (run > newest) {
        newest = run
        answers = new Map()
      }
      const key = JSON.stringify(question)
      const known = answers.get(key)
      if (known) return known as Promise<T>
      const [mine, asking] = [answers, ask()]
      mine.set(key, asking)
      asking.catch(() => setTimeout(() => mine.delete(key), failedMs).unref())
      return asking
    },
  }
}
