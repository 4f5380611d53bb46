/** A real Prometheus with the shipped configuration and rules that scrapes four daemons. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const shipped = join(import.meta.dirname, '..', '..', '..', 'deploy', 'prometheus')

/** One result of an instant query. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}

export interface Prometheus extends AsyncDisposable {
  /** Rejects with Prometheus's own words when it cannot read the query. */
  query(promql: string): Promise<readonly Sample[]>
  /** Asks again until there is something, or the time is over; then the empty answer. */
  queryUntilThere(promql: string, withinMs: number): Promise<readonly Sample[]>
}

/** Starts it on `port` and returns when it answers. `firstPort` is the refresher's. */
export async function startPrometheus(firstPort: number, port: number): Promise<Prometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'mt-prometheus-'))
  cpSync(shipped, directory, { recursive: true })
  const rewrite = (file: string, change: (text: string) => string) =>
    writeFileSync(join(directory, file), change(readFileSync(join(shipped, file), 'utf8')))
  rewrite('prometheus.yml', (text) => text.replaceAll('15s', '1s'))
  rewrite('targets.yml', (text) =>
    text.replace(/\b946(\d)\b/g, (_, index) => String(firstPort + Number(index) - 4)),
  )
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4_000)
  })
  const url = `http://127.0.0.1:${port}`
  await using starting = new AsyncDisposableStack()
  starting.defer(async () => {
    if (child.exitCode === null && child.kill()) await once(child, 'exit')
    rmSync(directory, { recursive: true, force: true })
  })
  for (const deadline = Date.now() + 120_000; !(await answers(`${url}/-/ready`)); await sleep(100))
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`Prometheus does not answer; it said:\n${said}`)
  const running = starting.move()

  const query = async (promql: string) => {
    const answer = await fetch(`${url}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: promql }),
    })
    const body = (await answer.json()) as { status: string; error?: string; data: { result: Sample[] } }
    if (body.status !== 'success') throw new Error(`${promql}: ${body.error}`)
    return body.data.result
  }
  return {
    query,
    async queryUntilThere(promql, withinMs) {
      for (const deadline = Date.now() + withinMs; ; await sleep(500)) {
        const found = await query(promql)
        if (found.length > 0 || Date.now() > deadline) return found
      }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const answers = (url: string) =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
