/** A site whose daemons tell the points that they come to, and die at those that a test chooses. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Daemon, daemons } from '../../../shared/contracts/subjects.ts'
import { eventually } from '../latch.ts'
import { type Pipeline, type PipelineOptions, startPipeline } from '../pipeline.ts'
import { type Kill, killFiles } from './points.ts'

export interface KillSite extends AsyncDisposable {
  readonly pipe: Pipeline
  /** How often the daemon has come to each point since it was asked last. */
  takePoints(daemon: Daemon): Map<string, number>
  /** From now on this life of the daemon and the next ones each die when they come there. */
  killAt(daemon: Daemon, ends: readonly Kill[]): Promise<void>
  /** Where it was killed since it was asked last. */
  takeKilled(daemon: Daemon): string[]
  /** Nobody dies any more. */
  letLive(): void
  /** All are there, whoever has died. */
  untilReady(): Promise<void>
}

/** Its points are kept beside the site. */
export async function startKillSite(
  directory: string,
  options: Omit<PipelineOptions, 'dir' | 'env'>,
): Promise<KillSite> {
  const meeting = join(directory, 'points')
  mkdirSync(meeting)
  const files = (daemon: Daemon) => killFiles(meeting, daemon)
  const pipe = await startPipeline({
    ...options,
    dir: join(directory, 'site'),
    env: {
      KILL_POINTS: meeting,
      NODE_OPTIONS: `--import=${join(import.meta.dirname, 'points.ts')}`,
    },
  })
  const take = (file: string): string[] => {
    if (!existsSync(file)) return []
    const text = readFileSync(file, 'utf8')
    rmSync(file)
    return text.split('\n').filter(Boolean)
  }
  return {
    pipe,
    takePoints(daemon) {
      const times = new Map<string, number>()
      for (const point of take(files(daemon).points)) times.set(point, (times.get(point) ?? 0) + 1)
      return times
    },
    async killAt(daemon, ends) {
      const { plan, heard } = files(daemon)
      rmSync(heard, { force: true })
      writeFileSync(plan, JSON.stringify(ends))
      pipe.supervisor.kill(daemon, 'SIGUSR2')
      await eventually(async () => existsSync(heard), `${daemon} has heard of its end`)
    },
    takeKilled: (daemon) => take(files(daemon).killed),
    letLive() {
      for (const name of readdirSync(meeting)) if (name.endsWith('.plan')) rmSync(join(meeting, name))
    },
    async untilReady() {
      const lives = () =>
        [...daemons, 'nats-server'].map((name) => {
          const last = pipe.life.all.findLast((event) => event.name === name)
          return last?.type === 'ready'
        })
      await eventually(async () => lives().every(Boolean), 'all daemons are ready', 60_000)
    },
    [Symbol.asyncDispose]: () => pipe[Symbol.asyncDispose](),
  }
}
