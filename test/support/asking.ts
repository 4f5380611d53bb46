/** Runs ask-the-web.ts with an exact environment: what this process trusts, or by which proxy it goes, is not inherited. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { compileCache } from './compile-cache.ts'

const program = fileURLToPath(new URL('ask-the-web.ts', import.meta.url))

export interface Asked {
  readonly answer?: unknown
  /** Of the error, where there was one. */
  readonly kind?: string
  readonly code?: string
  readonly message?: string
  /** Files that were left out. */
  readonly warnings: readonly string[]
}

export async function askTheWeb(env: Record<string, string>, ...words: readonly string[]): Promise<Asked> {
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, [program, ...words], {
    env: { HOME: '/', ...compileCache, ...env },
  })
  return JSON.parse(stdout)
}
