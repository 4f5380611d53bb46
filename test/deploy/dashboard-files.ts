/** The dashboards as data, and every query in them. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { read, root } from './compose-file.ts'

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly datasource: { readonly type: string; readonly uid: string }
  readonly targets: readonly { readonly refId: string; readonly expr?: string; readonly instant?: boolean }[]
  readonly fieldConfig: {
    readonly defaults: { readonly thresholds?: Thresholds }
    readonly overrides: readonly object[]
  }
}

interface Thresholds {
  readonly steps: readonly { readonly value: number | null; readonly color: string }[]
}

export interface Variable {
  readonly name: string
  readonly type: string
  readonly query: string | { readonly query: string }
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly tags: readonly string[]
  readonly schemaVersion: number
  readonly templating: { readonly list: readonly Variable[] }
  readonly annotations: { readonly list: readonly { readonly expr: string }[] }
  readonly panels: readonly Panel[]
}

const directory = 'deploy/grafana/dashboards'

export const dashboards = readdirSync(join(root, directory)).map((file) => ({
  file: join(directory, file),
  dashboard: JSON.parse(read(join(directory, file))) as Dashboard,
}))

/** Each query for Prometheus with where it stands. */
export const promqlQueries = dashboards.flatMap(({ dashboard }) => [
  ...dashboard.annotations.list.map(({ expr }) => ({ where: `${dashboard.title}: annotation`, expr })),
  ...dashboard.panels
    .filter(({ datasource }) => datasource.type === 'prometheus')
    .flatMap(({ title, targets }) =>
      targets.map(({ refId, expr = '' }) => ({ where: `${dashboard.title}: ${title} ${refId}`, expr })),
    ),
])
