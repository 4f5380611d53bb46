/**
 * The templates of what people are told: Liquid files of their own, which an operator can replace one by one
 * (`notifier.templates`). A broken one never stands in the way of a message: ours is used instead, and said to be.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Liquid, type Template } from 'liquidjs'
import type { Problem } from '../../../shared/config/read/problem.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'

/** What a template may use. Absent values are null. */
export interface DigestFields {
  /** What the message is about, in one line. */
  readonly subject: string
  readonly test: boolean
  readonly news: readonly {
    readonly kind: string
    /** The whole of it in one sentence. */
    readonly headline: string
    /** What is at fault: `Vault at vault.example.org`. */
    readonly cause: string | null
    /** What hangs on it, where that is more than the headline says. */
    readonly affects: string | null
    readonly entry: string | null
    readonly service: string | null
    /** `node dunegpvm07`. */
    readonly place: string | null
    /** `refresh`, `credd` or `node`. */
    readonly where: string | null
    readonly name: string | null
    readonly code: string | null
    readonly message: string | null
    readonly action: string | null
    /** For people: `06:58 UTC`. */
    readonly since: string | null
    readonly runs: number | null
    readonly expiry: string | null
  }[]
  /** News that did not fit. */
  readonly more: number
  /** The runs that brought the news, oldest first, and the last of them; none where notices are all there is. */
  readonly runs: readonly string[]
  readonly run: string | null
  readonly traceUrl: string | null
  /** Name of this installation. */
  readonly installation: string
}

const names = ['subject', 'text', 'html'] as const
type Name = (typeof names)[number]

/** Renders the parts of one message. Throws only where our own templates are broken. */
export type Templates = Readonly<Record<Name, (fields: DigestFields) => string>>

/** Longer templates than any mail needs are refused (characters), and so is rendering without end (milliseconds). */
const limits = { parseLimit: 100_000, renderLimit: 5_000 }
const strict = { strictVariables: true, strictFilters: true, ownPropertyOnly: true, ...limits }
/** Templates include no files: what is read is what was checked. */
const noFiles = { templates: {} }
const engines: Record<Name, Liquid> = {
  subject: new Liquid({ ...strict, ...noFiles }),
  text: new Liquid({ ...strict, ...noFiles }),
  html: new Liquid({ ...strict, ...noFiles, outputEscape: 'escape' }),
}

const fileOf = (directory: string, name: Name) => join(directory, `${name}.liquid`)
const ours = import.meta.dirname

export interface LoadedTemplates {
  readonly templates: Templates
  /** What is wrong with the operator's; ours stand in for them. */
  readonly problems: readonly Problem[]
}

/** The templates in force: the operator's where they are there and good, else ours. */
export function loadTemplates(directory: string | undefined): LoadedTemplates {
  const problems: Problem[] = []
  if (directory !== undefined && !existsSync(directory))
    problems.push(problemOf(directory, new Error('there is no such directory — expected one with templates')))
  const load = (name: Name) => {
    const shipped = () => compile(name, fileOf(join(ours, 'templates'), name))
    if (directory === undefined || !existsSync(fileOf(directory, name))) return shipped()
    try {
      const own = compile(name, fileOf(directory, name))
      for (const fields of samples) own(fields)
      return orElse(own, shipped())
    } catch (error) {
      problems.push(problemOf(fileOf(directory, name), error as Error))
      return shipped()
    }
  }
  return { templates: { subject: load('subject'), text: load('text'), html: load('html') }, problems }
}

/** What no sample shows may still be wrong with one: people hear of their tokens all the same. */
const orElse = (own: Templates[Name], shipped: Templates[Name]) => (fields: DigestFields) => {
  try {
    return own(fields)
  } catch {
    return shipped(fields)
  }
}

function compile(name: Name, file: string): (fields: DigestFields) => string {
  const engine = engines[name]
  const parsed: Template[] = engine.parse(readFileSync(file, 'utf8'))
  return (fields) => engine.renderSync(parsed, fields) as string
}

/** Liquid says the line and column at the end of its message's first line, and shows the template below. */
function problemOf(file: string, error: Error): Problem {
  const [, what = '', line = '1', column = '1'] =
    /^(.*?)(?:, line:(\d+), col:(\d+))?$/.exec(cleanLine(error.message.split('\n')[0] ?? '')) ?? []
  const message = `${what} — the one that comes with managed-tokens is used instead`
  return { severity: 'warning', file, line: Number(line), column: Number(column), path: '', message }
}

/** Every field once: what a template uses and is not here is a mistake. */
const sample: DigestFields = {
  subject: 'dune_production: token not on node1 since 06:58 UTC (3 runs)',
  test: false,
  news: [
    {
      ...{ kind: 'failure', headline: 'dune_production: token not on node1 since 06:58 UTC (3 runs)' },
      ...{ entry: 'dune_production', service: 'dune_production', place: 'node node1', where: 'node' },
      ...{ name: 'node1', code: 'node-unreachable', message: 'node1 did not answer.' },
      ...{ action: 'Check that the node is up.', cause: 'node node1' },
      ...{
        affects: 'dune_production, nova_analysis; 2 nodes wait for a token',
        since: '06:58 UTC',
        runs: 3,
        expiry: null,
      },
    },
  ],
  more: 1,
  runs: ['01J0000000000000000000000A', '01J0000000000000000000000B'],
  run: '01J0000000000000000000000B',
  traceUrl: 'https://traces.example/1',
  installation: 'production',
}
const nothing = {
  cause: null,
  affects: null,
  entry: null,
  service: null,
  place: null,
  where: null,
  name: null,
  code: null,
}
/** Once with everything, and once with as little as can be. */
const samples: readonly DigestFields[] = [
  sample,
  {
    ...{ ...sample, test: true, more: 0, runs: sample.runs.slice(-1), traceUrl: null },
    news: [
      {
        ...{ ...nothing, kind: 'completed', headline: 'Test run completed successfully' },
        ...{ message: null, action: null, since: null, runs: null, expiry: null },
      },
    ],
  },
]
