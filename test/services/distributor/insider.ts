/** Starts and ends another user of a node, who wants the tokens that are pushed there. */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Collection, collect, latch, within } from '../../support/latch.ts'
import type { Found } from './insider-process.ts'
import { attacker } from './transport/place-here.ts'

export interface Insider extends AsyncDisposable {
  /** Names that pushes made and it saw, each once. */
  readonly met: Collection<string>
  /** Ends it, and tells what it has found. */
  stop(): Promise<Found>
}

/** In the directory of the tokens, which everybody may write to. */
export async function startInsider(directory: string): Promise<Insider> {
  const own = join(directory, 'insider')
  prepare(own)
  const program = fileURLToPath(new URL('insider-process.ts', import.meta.url))
  const child = spawn(process.execPath, [program, directory, 'insider'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const met = collect<string>()
  const watches = latch()
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    const lines = (said + more).split('\n')
    said = lines.pop() ?? ''
    for (const line of lines) {
      if (line.startsWith('.')) met.add(line)
      else if (line === 'watching') watches.open()
      else found.open(JSON.parse(line) as Found)
    }
  })
  const found = latch<Found>()
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  await within(watches.opened, 60_000, 'somebody watches the node')
  return {
    met,
    async stop() {
      writeFileSync(join(own, 'stop'), '')
      await ended
      rmSync(own, { recursive: true, force: true })
      return within(found.opened, 1_000, 'what the insider found')
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Pipes and a file to put in the way. */
function prepare(own: string): void {
  const things = ['pipe-heard', 'pipe', 'bait'].map((name) => join(own, name))
  mkdirSync(own)
  spawnSync('mkfifo', things.slice(0, 2))
  writeFileSync(join(own, 'bait'), '')
  for (const path of [own, ...things]) {
    chmodSync(path, 0o777)
    chownSync(path, attacker, attacker)
  }
}
