/** Reads and writes token files as htgettoken does: a new file of mode 0600 renamed into place, or a device. */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Fatal, isDeviceFile } from './options.ts'

/** @throws Fatal where the real program ends, in its words */
export function writeToken(token: string, file: string): void {
  if (isDeviceFile(file)) writeDevice(token, file)
  else replaceFile(token, file)
}

function replaceFile(token: string, file: string, tries = 3): void {
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
    if (isSwept && tries > 1) return void replaceFile(token, file, tries - 1)
    throw new Fatal(`failure renaming ${temporary} to ${file}: ${describeError(error)}`)
  }
}

/** The token in a file or device, without white space around it; undefined when it cannot be read. */
export function readToken(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return undefined
  }
}

/** By its name, as the real one does: what is a socket cannot be opened so. */
function writeDevice(token: string, file: string): void {
  try {
    writeFileSync(file, `${token}\n`)
  } catch (error) {
    throw new Fatal(
      `failure opening for write: OSError: [Errno ${errnoOf(error)}] ${messageOf(error)}: '${file}'`,
    )
  }
}

const errnoOf = (error: unknown) => Math.abs((error as NodeJS.ErrnoException).errno ?? 0)

const messageOf = (error: unknown) =>
  (error as NodeJS.ErrnoException).code === 'ENXIO' ? 'No such device or address' : 'Input/output error'

const describeError = (error: unknown) =>
  `OSError: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}: '${(error as NodeJS.ErrnoException).path ?? ''}'`
