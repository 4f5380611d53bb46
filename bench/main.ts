/**
 * `npm run bench -- NAME [--json] [--check]`: runs `bench/<NAME>.ts`. With `--json` the last line is one object with the
 * figures; with `--check` it exits 1 where a figure misses the threshold written beside the benchmark.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Benchmark, describeThreshold, type Figures, findMisses } from './support/benchmark.ts'

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -'.ts'.length))
  .sort()

process.exitCode = await main()

async function main(): Promise<number> {
  const asked = readArguments()
  if (!asked) return 2
  const { name, json, check } = asked
  const { benchmark } = (await import(join(import.meta.dirname, `${name}.ts`))) as { benchmark: Benchmark }
  say(benchmark.about)
  const figures = await runInDirectory(benchmark)
  const misses = findMisses(figures, benchmark.thresholds)
  say(`\n${tableOf(figures, benchmark)}`)
  if (check) for (const miss of misses) say(`missed: ${miss}`)
  if (json) process.stdout.write(`${JSON.stringify(figures)}\n`)
  return check && misses.length > 0 ? 1 : 0
}

/** In a temporary directory, which is removed however it ends. */
async function runInDirectory(benchmark: Benchmark): Promise<Figures> {
  const dir = mkdtempSync(join(tmpdir(), 'mt-bench-'))
  try {
    return await benchmark.run(dir, say)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Undefined after saying what is wrong. */
function readArguments(): { name: string; json: boolean; check: boolean } | undefined {
  const usage = `usage: npm run bench -- NAME [--json] [--check]\nNAME is one of: ${names.join(', ')}`
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
      },
    })
    const [name, ...more] = positionals
    if (name !== undefined && names.includes(name) && more.length === 0) return { name, ...values }
    process.stderr.write(name === undefined ? `${usage}\n` : `no benchmark "${name}"\n${usage}\n`)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}\n`)
  }
  return undefined
}

function tableOf(figures: Figures, { thresholds }: Benchmark): string {
  const rows = Object.entries(figures).map(([name, figure]) => {
    const threshold = thresholds[name]
    return `| ${name} | ${figure} | ${threshold ? describeThreshold(threshold) : ''} |`
  })
  return ['| figure | value | threshold |', '| --- | --- | --- |', ...rows].join('\n')
}

/** Progress goes where it does not mix with figures that a program reads. */
function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
