/** What the sshds of a site say of connections, from a moment on. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { SandboxSite } from '../site.ts'

/** Where the log of each node ends now, by its file. */
export type LogMark = ReadonlyMap<string, number>

export const markLogs = ({ layout, nodes }: Pick<SandboxSite, 'layout' | 'nodes'>): LogMark =>
  new Map(
    nodes
      .map(({ name }) => join(layout.logs, `sshd-${name}.log`))
      .map((file) => [file, statSync(file, { throwIfNoEntry: false })?.size ?? 0]),
  )

export interface Connections {
  /** The refused ones included. */
  readonly made: number
  /** Those that got as far as a session. */
  readonly accepted: number
  /** Closed because too many were on their way to a login already (`MaxStartups`). */
  readonly refused: number
}

/** Since the mark, over all nodes (OpenSSH 9.2 with `LogLevel VERBOSE`). */
export function countConnections(mark: LogMark): Connections {
  const lines = [...mark].map(([file, from]) => readFileSync(file).subarray(from).toString()).join('')
  const count = (line: RegExp) => lines.match(line)?.length ?? 0
  const refused = count(/^drop connection #/gm)
  const accepted = count(/^Accepted gssapi-with-mic /gm)
  return { made: count(/^Connection from /gm) + refused, accepted, refused }
}
