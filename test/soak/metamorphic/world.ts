/** The site that a soak goes on at: nodes whose disks are small, an administrator of the bus, a hook that hears what administrators hear. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse, stringify } from 'yaml'
import { type Faults, joinFaults, writeFaults } from '../../../sandbox/faults.ts'
import { startHttpSink } from '../../../sandbox/http-sink.ts'
import { nodeTmp } from '../../../sandbox/layout.ts'
import type { Bus } from '../../../shared/bus/connect.ts'
import type { NewsRow } from '../../../shared/contracts/messages.ts'
import { sealingSeedFile, trustedSignersFile } from '../../../shared/daemon/state.ts'
import { unseal } from '../../../shared/tokens/seal.ts'
import { connectAlmighty } from '../../support/almighty.ts'
import { type Pipeline, startPipeline } from '../../support/pipeline.ts'
import { entries } from './kinds.ts'
import type { Plan } from './schedule.ts'

const run = promisify(execFile)

/** What the hook of the administrators was told. */
export interface Told {
  readonly id: string
  readonly run: string
  readonly at: string
  readonly subject: string
  readonly news: readonly NewsRow[]
}

export interface World extends AsyncDisposable {
  readonly pipe: Pipeline
  readonly dir: string
  /** May do everything on the bus. */
  readonly almighty: Bus
  readonly told: readonly Told[]
  /** The secret part of the hook's address. */
  readonly hook: string
  /** Which run each token for nodes was made in, as far as its seal was seen. */
  readonly runOf: ReadonlyMap<string, string>
  /** Adds to the faults of the stand-ins; returns what takes that back. */
  addFaults(faults: Faults): () => void
  /** Changes the configuration; returns what takes that back. */
  changeConfig(change: ConfigChange): () => void
}

/** `broken`, or an entry that is not in it. */
export type ConfigChange = 'broken' | { readonly without: string }

/** Stops a daemon's event loop at a signal, and not what it has started. */
const standStill = new URL('../../support/stand-still.ts', import.meta.url).href

/** Of each node (tmpfs). */
const diskSize = '1m'

/** Only what hangs runs into these; those who wait for it wait no longer than has to be. */
const settings = {
  timeouts: {
    globalTimeout: '10m',
    kerberosTimeout: '40s',
    vaultStorerTimeout: '40s',
    pingTimeout: '20s',
    pushTimeout: '40s',
    ferryRequestTimeout: '20s',
  },
  // A second less than a new one lives: each run makes new tokens.
  minTokenLifetime: '604799s',
  distributor: { probePeriod: '3s' },
}

export async function openWorld(dir: string, { lanes, method }: Plan): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const told: Told[] = []
  const hook = randomBytes(20).toString('hex')
  const sink = stack.use(
    await startHttpSink(({ body }) => {
      told.push(JSON.parse(body.toString('utf8')) as Told)
      return { status: 200, body: 'ok' }
    }),
  )
  const pipe = stack.use(
    await startPipeline({
      ...{
        dir,
        entries,
        readyWithinMs: 600_000,
        env: { NODE_OPTIONS: `--import ${standStill}`, STAND_STILL_MS: '10000' },
      },
      settings: {
        ...settings,
        storer: { lanes, method },
        vault: { rateLimitPause: '3s' },
        notifications: { webhook: `http://127.0.0.1:${sink.port}/hook/${hook}` },
      },
    }),
  )
  stack.use(await giveSmallDisks(pipe))
  const { state } = pipe.site.layout
  const reload = () => void pipe.supervisor.kill('nats-server', 'SIGHUP')
  const almighty = stack.use(await connectAlmighty(state, pipe.supervisor.url, reload))
  const runOf = followSeals(almighty, state)
  const running = stack.move()
  return {
    ...{ pipe, dir, almighty, told, hook, runOf },
    addFaults: openFaults(dir),
    changeConfig: openConfig(pipe.site.config),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** The soak runs in a mount namespace of its own (`bin/in-memory`), which the nodes take along into theirs. */
async function giveSmallDisks({ site }: Pipeline): Promise<AsyncDisposable> {
  const mounted: string[] = []
  for (const { name } of site.nodes) {
    const tmp = nodeTmp(site.layout, name)
    await site.stopNode(name)
    await run('mount', ['-t', 'tmpfs', '-o', `size=${diskSize},mode=1777`, 'none', tmp])
    mounted.push(tmp)
    chmodSync(tmp, 0o1777)
    await site.startNode(name)
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const tmp of mounted) await run('umount', ['-l', tmp])
    },
  }
}

/** By core NATS, so that a bucket which is removed and made again is no matter. */
function followSeals({ nc }: Bus, state: string): ReadonlyMap<string, string> {
  const runOf = new Map<string, string>()
  const opening = {
    seeds: [readFileSync(sealingSeedFile(state))],
    trustedSigners: readFileSync(trustedSignersFile(state), 'utf8').trim().split(/\s+/),
  }
  nc.subscribe('$KV.sealed.>', {
    callback(_error, message) {
      const opened = unseal(message.string(), opening)
      if ('content' in opened && opened.content.token) runOf.set(opened.content.token, opened.content.run)
    },
  })
  return runOf
}

function openFaults(dir: string): World['addFaults'] {
  const active = new Set<Faults>()
  const write = () => writeFaults(dir, joinFaults(...active))
  return (faults) => {
    active.add(faults)
    write()
    return () => {
      active.delete(faults)
      write()
    }
  }
}

function openConfig(file: string): World['changeConfig'] {
  const whole = readFileSync(file, 'utf8')
  const active = new Set<ConfigChange>()
  const write = () => writeFileSync(file, configWith(whole, [...active]), { mode: 0o600 })
  return (change) => {
    active.add(change)
    write()
    return () => {
      active.delete(change)
      write()
    }
  }
}

/** Pure. */
function configWith(whole: string, changes: readonly ConfigChange[]): string {
  if (changes.length === 0) return whole
  const config = parse(whole) as { experiments: Record<string, { roles: Record<string, unknown> }> }
  for (const change of changes) {
    if (change === 'broken') continue
    const [experiment = '', role = ''] = change.without.split('_')
    const { roles } = config.experiments[experiment] ?? { roles: {} }
    delete roles[role]
    if (Object.keys(roles).length === 0) delete config.experiments[experiment]
  }
  const text = stringify(config, { lineWidth: 0 })
  return changes.includes('broken') ? `${text}timeouts: [not, a, map]\nexperiments: 3\n` : text
}

export const pathOnNode = ({ site }: Pipeline, node: string, name: string) =>
  join(nodeTmp(site.layout, node), name)
