/** The frame of every stand-in program: its call is recorded, its output is written at once, and it ends with an exit code, never with a stack trace. */
import { writeSync } from 'node:fs'
import { appendLine, recordedVariables } from '../calls.ts'

/** Ends the program with this code. */
export class Exit extends Error {
  readonly code: number
  constructor(code: number) {
    super(`exit ${code}`)
    this.code = code
  }
}

/** The variable by which a stand-in tells those it starts who they were started by. */
export const callerVariable = 'SANDBOX_CALLER'

export interface Program {
  readonly name: string
  /** The sandbox's directory, from SANDBOX_DIR, which the wrapper sets. */
  readonly dir: string
  readonly argv: readonly string[]
  readonly env: Readonly<NodeJS.ProcessEnv>
  /** The stand-in that started this one, if any did. */
  readonly caller: string | undefined
  /** What the call is about, for its record; to be set before anything else is done. */
  record(facts: { service?: string | undefined; credd?: string | undefined }): void
  /** Writes down that something happened which must never happen, says so, and ends the program. */
  fail(what: string): never
}

/** Runs a stand-in's `main`; what it returns is the exit code. */
export async function runProgram(
  name: string,
  main: (program: Program) => number | Promise<number>,
): Promise<void> {
  const { env, pid } = process
  const dir = env.SANDBOX_DIR
  if (!dir) {
    print(2, `${name}: SANDBOX_DIR is not set; call it through the sandbox's bin directory\n`)
    process.exit(70)
  }
  const argv = process.argv.slice(2)
  const caller = env[callerVariable]
  const start = Date.now()
  let recorded = false
  const record: Program['record'] = (facts) => {
    recorded = true
    const shown = recordedVariables.flatMap((variable) =>
      env[variable] === undefined ? [] : [[variable, env[variable]]],
    )
    appendLine(dir, 'calls.jsonl', {
      program: name,
      pid,
      caller,
      argv: argv.map(hideToken),
      env: Object.fromEntries(shown),
      ...facts,
      start,
    })
  }
  const fail: Program['fail'] = (what) => {
    appendLine(dir, 'misuse.jsonl', { at: new Date().toISOString(), program: name, pid, what })
    print(2, `${name}: MISUSE: ${what}\n`)
    throw new Exit(1)
  }
  let exit: number
  try {
    refuseTokens(argv, env, fail)
    exit = await main({ name, dir, argv, env, caller, record, fail })
  } catch (error) {
    if (!(error instanceof Exit)) print(2, `${name}: ${(error as Error).message}\n`)
    exit = error instanceof Exit ? error.code : 1
  }
  if (!recorded) record({})
  appendLine(dir, 'calls.jsonl', { pid, end: Date.now(), exit })
  process.exit(exit)
}

/** Writes all of it before it returns, so that nothing is lost at exit. A reader that went away is not an error. */
export function print(fd: 1 | 2, text: string | Uint8Array): void {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(fd, bytes, written)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE' || code === 'EBADF') return
      if (code !== 'EAGAIN') throw error
    }
  }
}

const tokenShape = /hvs\.[\w-]{20,}|eyJ[\w-]+\.[\w-]+\.[\w-]+/g
const hideToken = (word: string) => word.replaceAll(tokenShape, '<token>')

function refuseTokens(argv: readonly string[], env: NodeJS.ProcessEnv, fail: (what: string) => never): void {
  if (argv.some((word) => hideToken(word) !== word))
    fail('a token is in the arguments, where every process can read it')
  if (env.BEARER_TOKEN !== undefined)
    fail('BEARER_TOKEN was inherited: it outranks the token file of this call')
}
