/** A collector that is away, or knows nobody yet, costs no node its token: stores are asked for at the credds that it named last. */
import type { Entry } from '../../shared/config/site.ts'
import { isFailed } from '../../shared/contracts/errors.ts'
import { z } from '../../shared/contracts/zod.ts'
import { type CollectorOptions, type Credds, findCredds } from '../../shared/work/find-credds.ts'
import type { Ending } from '../../shared/work/target-record.ts'

/**
 * The credds of an entry; where no collector answers or knows any, those that an earlier run of it was told. The storer asks
 * again, and tells what it hears then. Throws as `findCredds` does where nothing is remembered.
 */
export async function findCreddsOrLast(
  entry: Entry,
  options: CollectorOptions,
  before: Ending | undefined,
): Promise<Credds> {
  try {
    return await findCredds(entry, options)
  } catch (error) {
    const names = lastCredds(before)
    if (!isFailed(error) || !unanswered.includes(error.failure.code) || names.length === 0) throw error
    options.log?.warn({ credds: names, why: error.failure.message }, "the collector's last answer is taken")
    return { names, refused: [] }
  }
}

const unanswered: readonly string[] = ['collector-unreachable', 'no-credd']

const named = z.looseObject({ credds: z.array(z.string()) })

/** The credds of the entry's token before, made or failed. Pure. */
export function lastCredds(before: Ending | undefined): readonly string[] {
  if (before?.kind === 'failed') return before.failure.credds ?? []
  for (const { body } of before?.messages.filter(({ kind }) => kind === 'fact') ?? []) {
    const { data } = named.safeParse(body)
    if (data) return data.credds
  }
  return []
}
