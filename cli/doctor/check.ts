/** What a check is, and how many are made side by side: each has a deadline, so that the doctor always comes to an end. */

/** One line for people: how something stands, and how to mend it. */
export interface Finding {
  readonly state: 'ok' | 'warning' | 'problem'
  /** What was looked at, in a word or two. */
  readonly about: string
  /** How it stands. Never a secret. */
  readonly says: string
  /** What to do; with every problem. */
  readonly fix?: string
}

export interface Check {
  readonly about: string
  readonly deadlineMs: number
  /** Looks, changes nothing, and obeys the signal. What it throws becomes a problem. */
  readonly look: (signal: AbortSignal) => Promise<readonly Finding[]>
}

export const ok = (about: string, says: string): Finding => ({ state: 'ok', about, says })
export const warning = (about: string, says: string, fix: string): Finding => ({
  state: 'warning',
  about,
  says,
  fix,
})
export const problem = (about: string, says: string, fix: string): Finding => ({
  state: 'problem',
  about,
  says,
  fix,
})

/** Makes the checks, at most `atOnce` at a time, and hands out what each found, in their order, as soon as that is known. */
export async function* runChecks(checks: readonly Check[], atOnce: number): AsyncGenerator<Finding> {
  const found = checks.map(() => Promise.withResolvers<readonly Finding[]>())
  const queue = checks.entries()
  const work = async () => {
    for (const [index, check] of queue) found[index]?.resolve(await runCheck(check))
  }
  for (let worker = 0; worker < atOnce; worker++) void work()
  for (const { promise } of found) yield* await promise
}

/** Never rejects, and ends at the deadline even where the check ignores it. */
async function runCheck({ about, deadlineMs, look }: Check): Promise<readonly Finding[]> {
  const stop = new AbortController()
  const late = Promise.withResolvers<readonly Finding[]>()
  const timer = setTimeout(() => {
    late.resolve([
      problem(about, `no answer within ${deadlineMs / 1_000} s`, 'see what it waits for, or look again'),
    ])
    stop.abort()
  }, deadlineMs)
  try {
    return await Promise.race([look(stop.signal), late.promise])
  } catch (error) {
    return [problem(about, (error as Error).message, 'mend this and look again')]
  } finally {
    clearTimeout(timer)
  }
}
