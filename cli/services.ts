/** `managed-tokens services`: every entry, how long its token lives, and what is failing. */
import { stripVTControlCharacters } from 'node:util'
import Table from 'cli-table3'
import type { ServicesAnswer } from '../services/refresher/answer-services.ts'
import type { Bus } from '../shared/bus/connect.ts'
import { requests } from '../shared/contracts/subjects.ts'
import type { ServiceStatus } from '../shared/work/service-status.ts'
import { ask, connectOperator } from './bus/connection.ts'
import type { ConnectionOptions } from './bus/way-to-bus.ts'
import { type View, viewOf } from './terminal/terminal.ts'

/** Exit code 1 when a target of some entry is failing. */
export async function services(options: ConnectionOptions & { json?: boolean }): Promise<number> {
  await using bus = await connectOperator(options)
  const all = await askServices(bus)
  process.stdout.write(
    options.json ? `${JSON.stringify({ services: all })}\n` : `${renderServices(all, Date.now())}\n`,
  )
  return all.some(({ failing }) => failing.length > 0) ? 1 : 0
}

/** Every page of the answer, as one list. */
async function askServices(bus: Bus): Promise<ServiceStatus[]> {
  const all: ServiceStatus[] = []
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    const answer = await ask<ServicesAnswer>(bus, requests.services, { page })
    all.push(...answer.services)
    pages = answer.pages
  }
  return all
}

/** A table where it fits, else a paragraph for each entry. */
export function renderServices(
  services: readonly ServiceStatus[],
  now: number,
  view: View = viewOf(process.stdout),
): string {
  const wide = table(services, now, view)
  const width = stripVTControlCharacters(wide.slice(0, wide.indexOf('\n'))).length
  return width <= view.columns ? wide : services.map((one) => paragraph(one, now, view)).join('\n\n')
}

function table(services: readonly ServiceStatus[], now: number, view: View): string {
  const rows = new Table({
    head: ['entry', 'account', 'uid', 'nodes', 'credds', 'last success', 'token lives', 'failing'],
    style: { head: [], border: [] },
  })
  for (const one of services)
    rows.push([
      one.entry === one.service ? one.entry : `${one.entry}\n(${one.service})`,
      one.account,
      one.uid ?? '?',
      one.nodes.join('\n'),
      one.credds.map((credd) => `${credd}${storedIn(credd, one, now, '\n  ')}`).join('\n') || 'none',
      lastSuccess(one, now),
      lifeLeft(one, now),
      failing(one, '\n', view),
    ])
  return rows.toString()
}

function paragraph(one: ServiceStatus, now: number, view: View): string {
  return [
    `${view.colours.bold(one.entry)}${one.entry === one.service ? '' : ` (${one.service})`}`,
    `  account  ${one.account}, uid ${one.uid ?? '?'}`,
    `  nodes    ${one.nodes.join(' ')}`,
    ...(one.credds.length > 0 ? one.credds : ['none']).map(
      (credd, index) => `  ${index === 0 ? 'credds' : '      '}   ${credd}${storedIn(credd, one, now, ': ')}`,
    ),
    `  token    lives ${lifeLeft(one, now)}, last success ${lastSuccess(one, now)}`,
    `  failing  ${failing(one, ' ', view)}`,
  ].join('\n')
}

/** How long the token in a credd still lives, and when it was stored last. */
function storedIn(credd: string, { stored }: ServiceStatus, now: number, before: string): string {
  const found = stored.find((one) => one.credd === credd)
  if (!found?.lastSuccess) return `${before}nothing stored yet`
  const life = found.expiry ? `lives ${duration(Date.parse(found.expiry) - now)}, ` : ''
  return `${before}${life}${duration(now - Date.parse(found.lastSuccess))} ago`
}

const lastSuccess = ({ lastSuccess: at }: ServiceStatus, now: number) =>
  at ? `${duration(now - Date.parse(at))} ago` : 'never'
const lifeLeft = ({ tokenExpiry: at }: ServiceStatus, now: number) =>
  at ? duration(Date.parse(at) - now) : '?'
function failing({ failing: names, revoked }: ServiceStatus, separator: string, { colours }: View): string {
  const all = [...(revoked ? [`revoked since ${revoked.since}`] : []), ...names]
  return all.length > 0 ? colours.red(all.join(separator)) : colours.green('nothing')
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
