/** Puts files into a directory that is packed: with the modes that they get, whatever this machine's umask is. */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A file as it is; whoever may run it, everybody may. */
export function placeFile(from: string, to: string): void {
  makeDirectory(dirname(to))
  copyFileSync(from, to)
  chmodSync(to, statSync(from).mode & 0o100 ? 0o755 : 0o644)
}

export function placeText(text: string | Buffer, to: string): void {
  makeDirectory(dirname(to))
  writeFileSync(to, text)
  chmodSync(to, 0o644)
}

/** A text, with each path that it names below `from` below `to` in its place. */
export const placeMoved = (file: string, from: string, to: string, target: string) =>
  placeText(readFileSync(file, 'utf8').replaceAll(from, to), target)

export function makeDirectory(directory: string): void {
  const first = mkdirSync(directory, { recursive: true })
  if (first === undefined) return
  for (let made = directory; made.length >= first.length; made = join(made, '..')) chmodSync(made, 0o755)
}
