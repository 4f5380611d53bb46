/**
 * Fuzzes for as long as one wants, and keeps what it finds in the corpus.
 * usage: npm run test:fuzz -- [TARGET]... [--seconds N] [--seed N]
 */
import { parseArgs } from 'node:util'
import { keepFound } from './corpus.ts'
import { Broken, fuzz, replay } from './run-target.ts'
import { targets } from './targets.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
})
const wanted = targets.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
if (wanted.length === 0) {
  console.error(`There is no such target: ${targets.map(({ name }) => name).join(', ')}.`)
  process.exit(2)
}
const seed = Number(values.seed ?? Date.now() % 2 ** 31)
console.log(`--seed ${seed}, ${values.seconds} s for each of ${wanted.length}`)
for (const target of wanted)
  try {
    const mostMs = Number(values.seconds) * 1_000
    const cases = (await replay(target)) + (await fuzz(target, { seed, cases: 2 ** 30, mostMs }))
    console.log(`${target.name}: ${cases} cases`)
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    console.error(`${error.message}\n  kept as ${keepFound(target.name, error.text)}`)
    process.exitCode = 1
  }
