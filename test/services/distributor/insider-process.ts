/**
 * Another user of a node, in a process of its own: watches the directory of the tokens as fast as it can, plants whatever it
 * likes under each name that may come next, and reads all it is allowed to. Words: the directory, and the name of its own one
 * in there, with pipes to plant. On stdout, a line for each name it meets; and when `stop` lies in its own directory, what it
 * has found (JSON).
 */
import {
  closeSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { attacker } from './transport/place-here.ts'

export interface Found {
  /** Names of temporary files and directories of pushes that it saw. */
  readonly seen: number
  /** What it could put in the way of a push. */
  readonly planted: number
  /** Everything that was written into something of its own, or that it could read of somebody else's. */
  readonly read: readonly string[]
}

const [directory = '', own = ''] = process.argv.slice(2)
// By a way that only root may take.
process.chdir(directory)
process.setgroups?.([])
process.setgid?.(attacker)
process.setuid?.(attacker)
process.umask(0)

/** What a push makes on its way, by whichever script or rsync. */
const ofPushes = /^\.(managed-tokens|vt_u)/
const quiet = constants.O_RDONLY | constants.O_NONBLOCK
const buffer = Buffer.alloc(64 * 1024)
const pipes = readdirSync(own).filter((name) => name.startsWith('pipe'))
const bait = join(own, 'bait')
const seen = new Set<string>()
/** Names to take as soon as they are free. */
const wanted: string[] = []
const planted = new Set<string>()
/** The pipes that it reads; the others hang whoever opens them. */
const listening: number[] = []
const read = new Set<string>()

const kinds: readonly ((name: string) => void)[] = [
  (name) => plantPipe(name, true),
  (name) => symlinkSync(bait, name),
  (name) => plantPipe(name, false),
  (name) => mkdirSync(name, 0o777),
  (name) => symlinkSync(join(own, listenedPipe()), name),
  (name) => writeFileSync(name, '', { flag: 'wx', mode: 0o777 }),
]

say('watching')
// The names that a push takes next are guessed from the first one, and that name itself is taken when it is free again.
for (let round = 0; ; round += 1) {
  for (const name of readdirSync('.')) if (ofPushes.test(name) && !planted.has(name)) meet(name)
  for (const name of wanted.slice(-6)) plant(name)
  for (const pipe of listening) keep(pipe)
  if (round % 64 === 0 && existsSync(join(own, 'stop'))) break
}
for (const name of ['bait', ...planted]) attempt(() => readAll(name === 'bait' ? bait : name))
say(JSON.stringify({ seen: seen.size, planted: planted.size, read: [...read] } satisfies Found))

/** At once, whatever else is going on. */
function say(line: string): void {
  writeSync(1, `${line}\n`)
}

function meet(name: string): void {
  attempt(() => readAll(name))
  for (const inner of ['1', '2', 'new']) attempt(() => readAll(join(name, inner)))
  if (seen.has(name)) return
  seen.add(name)
  say(name)
  const last = Number(/\d+$/.exec(name)?.[0] ?? 0)
  wanted.push(name, ...[1, 2].map((more) => name.replace(/\d*$/, String(last + more))))
  for (const inner of ['1', '2', 'new']) plant(join(name, inner))
  attempt(() => renameSync(name, join(own, `taken-${seen.size}`)))
  attempt(() => unlinkSync(name))
  attempt(() => rmdirSync(name))
}

function plant(name: string): void {
  attempt(() => {
    kinds[planted.size % kinds.length]?.(name)
    planted.add(name)
  })
}

function plantPipe(name: string, isListened: boolean): void {
  const pipe = isListened ? listenedPipe() : pipes.find((one) => !one.endsWith('heard'))
  linkSync(join(own, pipe ?? ''), name)
}

/** A pipe is there once and linked to many names. */
function listenedPipe(): string {
  const pipe = pipes.find((one) => one.endsWith('heard')) ?? ''
  if (listening.length === 0) listening.push(openSync(join(own, pipe), quiet))
  return pipe
}

function readAll(name: string): void {
  const file = openSync(name, quiet)
  keep(file)
  closeSync(file)
}

function keep(file: number): void {
  attempt(() => {
    const length = readSync(file, buffer)
    if (length > 0) read.add(buffer.toString('latin1', 0, length))
  })
}

/** Most of what it tries is refused. */
function attempt(act: () => void): void {
  try {
    act()
  } catch {
    // Tried again with the next name.
  }
}
