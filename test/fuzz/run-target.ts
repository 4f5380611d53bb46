/** Has a target read many texts, and says which is the shortest that breaks a promise of it. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { readCorpus } from './corpus.ts'
import { inTime } from './in-time.ts'
import type { FuzzTarget, Reader } from './target.ts'
import { textsFor } from './texts.ts'

/** A text that breaks a promise. */
export class Broken extends Error {
  override readonly name = 'Broken'
  readonly text: string
  constructor(target: string, text: string, why: unknown) {
    const shown =
      text.length > 1_000 ? `${JSON.stringify(text.slice(0, 1_000))}… (${text.length})` : JSON.stringify(text)
    super(`${target} breaks a promise over ${shown}: ${why instanceof Error ? why.stack : String(why)}`)
    this.text = text
  }
}

export interface Amount {
  readonly seed: number
  readonly cases: number
  /** Where the target's own bound is too long for the time there is (characters). */
  readonly longest?: number
  /** Ends there whatever is left (milliseconds). */
  readonly mostMs?: number
}

/** The corpus first, as it is. Returns how many texts were read. Throws {@link Broken}. */
export async function replay(target: FuzzTarget): Promise<number> {
  const reader = await target.open()
  const corpus = readCorpus(target.name)
  try {
    for (const text of corpus.values()) await readOne(target, reader, text)
  } finally {
    await reader[Symbol.asyncDispose]?.()
  }
  return corpus.size
}

/** Texts of the driver's making. Returns how many were read. Throws {@link Broken}. */
export async function fuzz(
  target: FuzzTarget,
  { seed, cases, mostMs, longest = target.longest }: Amount,
): Promise<number> {
  const reader = await target.open()
  const texts = textsFor({ ...target, longest: Math.min(target.longest, longest) }, [
    ...readCorpus(target.name).values(),
  ])
  try {
    const result = await fc.check(
      fc.asyncProperty(texts, (text) => readOne(target, reader, text)),
      { seed, numRuns: cases, ...(mostMs !== undefined && { interruptAfterTimeLimit: mostMs }) },
    )
    const [text] = result.counterexample ?? []
    if (result.failed && text !== undefined) throw result.errorInstance
    return result.numRuns
  } finally {
    await reader[Symbol.asyncDispose]?.()
  }
}

/** What takes longer than this takes more than linear time: it is a matter of milliseconds. */
const patienceMs = 20_000
/** Shorter texts cost less than a look at the clock does (characters). */
const short = 1_000

async function readOne({ name }: FuzzTarget, reader: Reader, text: string): Promise<void> {
  const read = () => reader.read(text)
  try {
    await (text.length < short ? read() : inTime(patienceMs, read))
    assertUnpolluted()
  } catch (error) {
    throw error instanceof Broken ? error : new Broken(name, text, error)
  }
}

const prototypes = [Object.prototype, Array.prototype, String.prototype, Function.prototype]
const known = prototypes.map((one) => Reflect.ownKeys(one).length)

/** No text has become a part of all objects. */
function assertUnpolluted(): void {
  assert.deepEqual(
    prototypes.map((one) => Reflect.ownKeys(one).length),
    known,
    'a prototype is polluted',
  )
}
