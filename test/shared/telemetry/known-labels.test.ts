import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { type ReasonCode, reasons } from '../../../shared/errors.ts'
import { type Daemon, daemons } from '../../../shared/subjects.ts'
import { knownCodes, knownPrograms } from '../../../shared/telemetry/known-labels.ts'

const root = resolve(import.meta.dirname, '../../..')
/** They name codes for other reasons than to fail with them. */
const naming = ['shared/errors.ts', 'shared/telemetry/known-labels.ts'].map((file) => resolve(root, file))

/** The text of every module that a daemon loads. */
function readModules(daemon: Daemon): string[] {
  const texts = new Map<string, string>()
  const read = (file: string) => {
    if (texts.has(file)) return
    const text = readFileSync(file, 'utf8')
    texts.set(file, naming.includes(file) ? '' : text)
    for (const [, path = ''] of text.matchAll(/(?:from |import\()'(\.[^']+\.ts)'/g))
      read(resolve(dirname(file), path))
  }
  read(resolve(root, `services/${daemon}/main.ts`))
  return [...texts.values()]
}

const codesIn = (texts: readonly string[]) =>
  (Object.keys(reasons) as ReasonCode[]).filter((code) => texts.some((text) => text.includes(`'${code}'`)))

/** Those that are named where they are run: some are paths of the configuration besides. */
const programsIn = (texts: readonly string[]) =>
  texts.flatMap((text) =>
    [...text.matchAll(/(?:run|prepare)Command\(\{([\s\S]*?)timeoutMs/g)].flatMap(
      ([, words = '']) => (/name: '(\w+)'/.exec(words) ?? /file: '(\w+)'/.exec(words))?.[1] ?? [],
    ),
  )

describe('what a daemon counts is known beforehand', () => {
  // The notifier also names codes that others failed with.
  for (const daemon of daemons.filter((one) => one !== 'notifier'))
    it(`every reason code in the ${daemon}’s modules`, () => {
      const found = codesIn(readModules(daemon))
      assert.ok(found.includes('unexpected'))
      assert.deepEqual(
        found.filter((code) => !knownCodes[daemon].includes(code)),
        [],
      )
    })

  it('every reason code, by some daemon', () =>
    assert.deepEqual([...new Set(Object.values(knownCodes).flat())].sort(), Object.keys(reasons).sort()))

  for (const daemon of daemons)
    it(`every program that the ${daemon} runs`, () =>
      assert.deepEqual(
        [...new Set(programsIn(readModules(daemon)))].sort(),
        [...knownPrograms[daemon]].sort(),
      ))
})
