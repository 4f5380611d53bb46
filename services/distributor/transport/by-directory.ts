/** The files of a push by where they go: both transports serve one directory of the node at a time. Pure. */
import { basename, dirname } from 'node:path'
import type { PlacedFile } from './push.ts'

export interface NumberedFile {
  /** Counts all files of the push, from 1. */
  readonly number: number
  readonly file: PlacedFile
  readonly name: string
}

/** The files that go to one directory of the node. */
export interface FilesOfDirectory {
  /** On the node, without a slash at its end. */
  readonly path: string
  readonly files: readonly NumberedFile[]
}

/** In the order of the push. */
export function groupByDirectory(files: readonly PlacedFile[]): FilesOfDirectory[] {
  const numbered = files.map((file, index) => ({ number: index + 1, file, name: basename(file.path) }))
  const groups = Map.groupBy(numbered, ({ file }) => dirname(file.path))
  return [...groups].map(([path, group]) => ({ path, files: group }))
}
