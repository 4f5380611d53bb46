/** Connections to nodes that stay open for the next push: where their sockets lie, and how they are closed. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../../../shared/commands/command.ts'
import { commandEnvironment } from '../../../shared/config/environment.ts'
import type { DistributorConfig } from '../../../shared/config/sections/distributor.ts'
import type { Entry } from '../../../shared/config/site.ts'
import { ensurePrivateDirectory } from '../../../shared/daemon/state.ts'
import type { ControlSocket } from '../transport/push.ts'

/** How long a connection may take to be closed (milliseconds). */
const closeMs = 2_000

export interface ControlMasters extends AsyncDisposable {
  /** The socket of a push; undefined where connections are not kept. */
  socketOf(
    entry: Entry,
    node: string,
    config: Pick<DistributorConfig, 'controlMaster' | 'controlPersist'>,
  ): ControlSocket | undefined
  /** Closes a connection that failed, so that the next push makes a new one. */
  close(socket: ControlSocket, ssh: string): Promise<void>
}

/** Keeps sockets in `directory`. What a killed daemon left open there is closed first; disposing closes all. */
export async function openControlMasters(directory: string, ssh: () => string): Promise<ControlMasters> {
  await ensurePrivateDirectory(directory)
  await closeAll(directory, ssh())
  return {
    socketOf(entry, node, { controlMaster, controlPersist }) {
      if (!controlMaster) return undefined
      const name = socketName(entry, node)
      return { directory, name, persistMs: controlPersist, isOpen: existsSync(join(directory, name)) }
    },
    close: ({ name }, program) => close(directory, name, program),
    [Symbol.asyncDispose]: () => closeAll(directory, ssh()),
  }
}

/** One for each identity, account, node and way to get there: nobody pushes over a connection that is not his. Pure. */
export function socketName(
  {
    principal,
    identityFile,
    account,
    sshOptions,
  }: Pick<Entry, 'principal' | 'identityFile' | 'account' | 'sshOptions'>,
  node: string,
): string {
  const identity = JSON.stringify([
    principal,
    account,
    node,
    sshOptions,
    ...(identityFile ? [identityFile] : []),
  ])
  return createHash('sha256').update(identity).digest('hex').slice(0, 24)
}

async function closeAll(directory: string, ssh: string): Promise<void> {
  const names = await readdir(directory)
  await Promise.all(names.map((name) => close(directory, name, ssh)))
  // A socket whose process was killed stays, and leads nowhere.
  await Promise.all(names.map((name) => rm(join(directory, name), { force: true })))
}

/** The process that holds the connection ends, and takes its socket away; without one there is nothing to do. */
async function close(directory: string, name: string, ssh: string): Promise<void> {
  await runCommand({
    file: ssh,
    args: ['-F', 'none', '-o', `ControlPath=./${name}`, '-O', 'exit', '--', 'any'],
    env: commandEnvironment(),
    cwd: directory,
    timeoutMs: closeMs,
  })
}
