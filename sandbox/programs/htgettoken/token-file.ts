/** Reads and writes token files as htgettoken does: a new file of mode 0600 renamed into place, or a device. */
import { randomBytes } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Fatal, isDeviceFile } from './options.ts'

/** @throws Fatal where the real program ends, in its words */
export function writeToken(token: string, file: string): void {
  if (isDeviceFile(file)) writeDevice(token, file)
  else writeFile(token, file)
}

function writeFile(token: string, file: string, tries = 3): void {
  // The old file goes first: between here and the rename there is none.
  rmSync(file, { force: true })
  const temporary = join(
    dirname(file),
    `.htgettoken${randomBytes(6).toString('base64url').replaceAll('-', '_')}`,
  )
  try {
    const fd = openSync(temporary, 'wx', 0o600)
    writeSync(fd, `${token}\n`)
    closeSync(fd)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw new Fatal(`failure creating file: ${describeError(error)}`)
  }
  try {
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    // A storer of another site on this machine took it for what a killed program has left.
    const isSwept = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (isSwept && tries > 1) return void writeFile(token, file, tries - 1)
    throw new Fatal(`failure renaming ${temporary} to ${file}: ${describeError(error)}`)
  }
}

/** The token in a file or device, without white space around it; undefined when it cannot be read. */
export function readToken(file: string, mayReadSocket: boolean): string | undefined {
  try {
    if (!isDeviceFile(file)) return readFileSync(file, 'utf8').trim()
    const fd = descriptorOf(file)
    if (!mayReadSocket && fstatSync(fd).isSocket()) return undefined
    return readFileSync(fd, 'utf8').trim()
  } catch {
    return undefined
  }
}

function writeDevice(token: string, file: string): void {
  try {
    writeSync(descriptorOf(file), `${token}\n`)
  } catch (error) {
    throw new Fatal(`failure opening for write: ${describeError(error)}`)
  }
}

/**
 * Whether the real program could open this device: it opens `/dev/stdout` by its name, which the kernel refuses for a socket,
 * and a socket is what some parents give their children instead of a pipe.
 */
export function isSocketDevice(file: string): boolean {
  return isDeviceFile(file) && fstatSync(descriptorOf(file)).isSocket()
}

const descriptorOf = (file: string) =>
  ({ stdin: 0, stdout: 1, stderr: 2 })[basename(file)] ?? Number(basename(file))

const describeError = (error: unknown) =>
  `OSError: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}: '${(error as NodeJS.ErrnoException).path ?? ''}'`
