/** `managed-tokens services`: every entry, how long its token lives, and what is failing. */
import Table from 'cli-table3'
import pc from 'picocolors'
import type { ServiceStatus } from '../services/refresher/services-request.ts'
import { requests } from '../shared/subjects.ts'
import { ask, type ConnectionOptions, connectOperator } from './connection.ts'

/** Exit code 1 when a target of some entry is failing. */
export async function services(options: ConnectionOptions & { json?: boolean }): Promise<number> {
  await using bus = await connectOperator(options)
  const answer = await ask<{ services: ServiceStatus[] }>(bus, requests.services, {})
  process.stdout.write(
    options.json ? `${JSON.stringify(answer)}\n` : `${renderServices(answer.services, Date.now())}\n`,
  )
  return answer.services.some(({ failing }) => failing.length > 0) ? 1 : 0
}

/** The table. Pure. */
export function renderServices(services: readonly ServiceStatus[], now: number): string {
  const table = new Table({
    head: ['entry', 'account', 'uid', 'nodes', 'credds', 'last success', 'token lives', 'failing'],
    style: { head: [], border: [] },
  })
  for (const one of services)
    table.push([
      one.entry === one.service ? one.entry : `${one.entry}\n(${one.service})`,
      one.account,
      one.uid ?? '?',
      one.nodes.join('\n'),
      one.credds.join('\n') || 'none',
      one.lastSuccess ? `${duration(now - Date.parse(one.lastSuccess))} ago` : 'never',
      one.tokenExpiry ? duration(Date.parse(one.tokenExpiry) - now) : '?',
      one.failing.length > 0 ? pc.red(one.failing.join('\n')) : pc.green('nothing'),
    ])
  return table.toString()
}

/** `5d3h`, `3h20m`, `12m`, `40s`. Pure. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  const units = [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const
  const first = units.findIndex(([, size]) => seconds >= size)
  if (first < 0) return '0s'
  const [name, size] = units[first] ?? ['s', 1]
  const [nextName, nextSize] = units[first + 1] ?? ['', 1]
  const rest = nextName && nextName !== 's' ? Math.floor((seconds % size) / nextSize) : 0
  return `${Math.floor(seconds / size)}${name}${rest > 0 ? `${rest}${nextName}` : ''}`
}
