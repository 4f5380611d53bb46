/** compose.yaml as data, for the tests that hold it against what the daemons read. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

export const root = join(import.meta.dirname, '..', '..')
export const read = (path: string) => readFileSync(join(root, path), 'utf8')

export interface ComposeService {
  readonly image: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly secrets?: readonly string[]
  readonly ports?: readonly string[]
  readonly healthcheck: { readonly test: readonly string[] }
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly user?: string
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
  readonly volumes: Readonly<Record<string, null>>
}

export const compose = parse(read('compose.yaml'), { merge: true }) as ComposeFile

/** Where something of the host is in a container, by the path there. */
export function mountsOf({ volumes = [] }: ComposeService): Map<string, { from: string; readOnly: boolean }> {
  return new Map(
    volumes.map((volume) => {
      const [from = '', to = '', mode] = volume.split(':')
      return [to, { from, readOnly: mode === 'ro' }]
    }),
  )
}
