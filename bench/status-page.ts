/**
 * What the status page costs with a whole laboratory on it: 2,000 services with five nodes each, 200 people who look on while
 * one target changes each second, and one of them who does not read. The notifier and the bus are real.
 */
import { readFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { ulid } from 'ulid'
import { findFreePort } from '../sandbox/free-port.ts'
import { startReceivers } from '../sandbox/receivers.ts'
import { startDaemon, startServer } from '../sandbox/support/daemon.ts'
import { inParallel } from '../shared/bus/in-parallel.ts'
import { ensureOwned } from '../shared/bus/streams/topology.ts'
import { errorOf, failure } from '../shared/contracts/errors.ts'
import { timestamp } from '../shared/contracts/messages.ts'
import { buckets, pushSubject } from '../shared/contracts/subjects.ts'
import type { TargetRecord } from '../shared/work/target-record.ts'
import { type Benchmark, round } from './support/benchmark.ts'
import { peakRssMb, readStat } from './support/process-facts.ts'

const serviceCount = 2_000
const nodesEach = 5
const streamCount = 200
/** How long is looked on (milliseconds). */
const windowMs = 30_000
/** How often a target changes in that time (milliseconds). */
const factEveryMs = 1_000
const nodesOf = (service: number) =>
  Array.from({ length: nodesEach }, (_, n) => `node${(service * nodesEach + n) % 997}.bench.test`)
const experiments = Object.fromEntries(
  Array.from({ length: serviceCount }, (_, service) => [`exp${service}`, { nodes: nodesOf(service) }]),
)

export const benchmark: Benchmark = {
  about: `status-page: ${serviceCount} services × ${nodesEach} nodes, ${streamCount} people look on at one fact a second`,
  thresholds: {
    firstPageMs: { atMost: 300 },
    bytes: { atMost: 500_000 },
    streamsCpuPercent: { atMost: 5 },
    slowReaderLeft: { atMost: 0 },
  },
  run: measure,
}

async function measure(dir: string, say: (line: string) => void) {
  const port = await findFreePort('127.0.0.1')
  const settings = { notifier: { statusPage: { port } } }
  await using site = await startReceivers({ dir, experiments, settings })
  await using server = await startServer(site)
  await using refresher = await server.connect('refresher')
  await ensureOwned(refresher, 'refresher')
  await using distributor = await server.connect('distributor')
  const targets = await distributor.bucket(buckets.targets)
  const put = (service: number, node: string, isFailing = false) =>
    targets.put(
      pushSubject({ experiment: `exp${service}`, role: 'production' }, node),
      JSON.stringify(recordOf(service, node, isFailing)),
    )
  say(`putting ${serviceCount * nodesEach} targets on the bus …`)
  const all = Array.from({ length: serviceCount }, (_, service) =>
    nodesOf(service).map((node) => [service, node] as const),
  ).flat()
  await inParallel(all, ([service, node]) => put(service, node))
  await using notifier = await startDaemon('notifier', site, server.url)
  const first = await load(port)
  say(`the first page: ${Math.round(first.ms)} ms, ${first.bytes} bytes; others look on …`)
  // What a start leaves to be done is over.
  await sleep(windowMs / 3)
  const streams = await Promise.all(Array.from({ length: streamCount }, () => look(port)))
  let count = 0
  const facts = setInterval(() => {
    count += 1
    void put(count % 7, nodesOf(count % 7)[0] ?? '', Math.floor(count / 7) % 2 === 0)
  }, factEveryMs)
  const percent = await cpuPercent(Number(notifier.pid()), windowMs)
  clearInterval(facts)
  const heard = streams.map(({ parts }) => parts())
  for (const stream of streams) stream.end()
  const slowReaderLeft = await keepFromReading(port, say, async (round) => {
    // Every row changes, so that much is told.
    await inParallel(
      Array.from({ length: 40 }, (_, n) => n),
      (n) => put(n, nodesOf(n)[1] ?? '', round % 2 === 0),
    )
  })
  return {
    firstPageMs: round(first.ms),
    bytes: first.bytes,
    streamsCpuPercent: round(percent),
    leastHeard: Math.min(...heard),
    slowReaderLeft,
    rssMb: round(peakRssMb(notifier.pid())),
  }
}

const ended = errorOf(failure('connection-refused', 'Nothing listens on its ssh port.')).failure
function recordOf(service: number, target: string, isFailing: boolean): TargetRecord {
  const run = ulid()
  const now = timestamp()
  return {
    ...{ entry: `exp${service}_production`, target, run, holder: run, attempts: 1, lastAttempt: now },
    ...{ lastSuccess: now, expiry: timestamp(new Date(Date.now() + 7 * 86_400_000)) },
    ended: isFailing ? { run, kind: 'failed', failure: ended } : { run, kind: 'done', messages: [] },
  }
}

const ask = (port: number, path: string) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { 'accept-encoding': 'br' }
    get({ port, host: '127.0.0.1', path, headers, agent: false }, resolve).on('error', reject)
  })

/** The whole list, as a browser gets it. */
async function load(port: number): Promise<{ ms: number; bytes: number }> {
  const started = performance.now()
  let bytes = 0
  for await (const chunk of await ask(port, '/')) bytes += (chunk as Buffer).length
  return { ms: performance.now() - started, bytes }
}

/** Somebody who looks on. */
async function look(port: number) {
  const answer = await ask(port, '/live')
  let parts = 0
  answer.setEncoding('utf8').on('data', (text: string) => {
    parts += text.split('event: part').length - 1
  })
  answer.on('error', () => undefined)
  return { parts: () => parts, end: () => answer.destroy() }
}

/** One who does not read: 1 where he is still there after everything that could be told, 0 where he was let go. */
async function keepFromReading(
  port: number,
  say: (line: string) => void,
  change: (round: number) => Promise<void>,
): Promise<number> {
  say('one looks on and does not read …')
  const slow = await ask(port, '/live')
  slow.pause()
  let isGone = false
  slow
    .on('error', () => undefined)
    .on('close', () => {
      isGone = true
    })
  for (let round = 0; round < 400 && !isGone; round += 1) {
    await change(round)
    await sleep(250)
    // A socket that nobody reads does not say that it was closed.
    isGone ||= slow.socket.destroyed || (round % 20 === 19 && isClosed(port, slow.socket.localPort))
  }
  slow.destroy()
  return isGone ? 0 : 1
}

/** Whether the server has closed its end of a connection. */
function isClosed(port: number, from: number | undefined): boolean {
  const hex = (number: number) => number.toString(16).toUpperCase().padStart(4, '0')
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  const established = '01'
  return !lines.some((line) => {
    const [, local = '', remote = '', state] = line.trim().split(/\s+/)
    return local.endsWith(`:${hex(port)}`) && remote.endsWith(`:${hex(from ?? 0)}`) && state === established
  })
}

/** Of one core, over some time (milliseconds). */
async function cpuPercent(pid: number, ms: number): Promise<number> {
  const [before, started] = [cpuMs(pid), performance.now()]
  await sleep(ms)
  return (100 * (cpuMs(pid) - before)) / (performance.now() - started)
}

const cpuMs = (pid: number) => readStat(pid)?.ownMs ?? Number.NaN
