/** Remembers in the bucket `failures` of which problems administrators were notified last: of the same ones once. */
import { createHash } from 'node:crypto'
import type { KV } from '@nats-io/kv'
import { readValue } from '../../../shared/bus/read-value.ts'
import { problemKeys } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'

const lastNotified = z.object({
  problems: z.string().describe('SHA-256 of the problems told last; empty once there are none.'),
  run: z.string().describe('The run that told them, or another name of the occasion.'),
})

/**
 * True where administrators have not heard of exactly these `problems` under `key`; asked again on the same occasion, it
 * gives the same answer.
 */
export async function isNewProblem(
  failures: KV,
  key: keyof typeof problemKeys,
  problems: readonly string[],
  occasion: string,
): Promise<boolean> {
  const { value: before } = await readValue(failures, problemKeys[key], lastNotified)
  const digest = problems.length > 0 ? digestOf(problems) : ''
  if (digest === (before?.problems ?? '') && occasion !== before?.run) return false
  await failures.put(problemKeys[key], JSON.stringify({ problems: digest, run: occasion }))
  return digest !== ''
}

const digestOf = (problems: readonly string[]) =>
  createHash('sha256').update(problems.join('\n')).digest('hex')
