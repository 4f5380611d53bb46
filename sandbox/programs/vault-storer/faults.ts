/** How a condor_vault_storer goes wrong when the sandbox asks for it. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { isAffected, readFaults } from '../../fault-file.ts'
import { type Program, print } from '../program.ts'

/** Faults before any work; true: the program is to end at once, well and with nothing done. */
export async function sufferEarlyFaults(program: Program, service: string): Promise<boolean> {
  const faults = readFaults(program.dir)
  if (isAffected(faults['storer-hangs'], service)) await hangWithChild()
  if (isAffected(faults['storer-prints-much'], service)) printMuch()
  return isAffected(faults['storer-stores-nothing'], service)
}

/** Puts a valid bearer token of somebody else where the caller finds it. */
export async function leaveForeignBearer(program: Program, service: string, file: string): Promise<void> {
  if (!isAffected(readFaults(program.dir)['storer-wrong-service'], service) || !existsSync(file)) return
  const [{ createBearerIssuer }, { openBooks }] = await Promise.all([
    import('../../vault/bearer.ts'),
    import('../../vault/books.ts'),
  ])
  const claims = JSON.parse(
    Buffer.from(readFileSync(file, 'utf8').split('.')[1] ?? '', 'base64url').toString(),
  ) as { iss: string }
  const issuers = createBearerIssuer(
    program.dir,
    new URL('..', `${claims.iss}/`).href.replace(/\/$/, ''),
    3600,
    openBooks(program.dir),
  )
  const { accessToken } = issuers.give({ issuer: 'elsewhere', role: 'production', subject: 'somebody' }, 0)
  writeFileSync(file, `${accessToken}\n`)
}

/** Neither this process nor its child can be ended by SIGTERM. */
async function hangWithChild(): Promise<never> {
  process.on('SIGTERM', () => {})
  spawn('/bin/sh', ['-c', 'trap "" TERM; while :; do sleep 1; done'], { stdio: 'inherit' })
  return new Promise<never>(() => setInterval(() => {}, 60_000))
}

function printMuch(): void {
  const line = Buffer.from(`${'condor_vault_storer: much ado about nothing '.repeat(1500)}\n`)
  for (let printed = 0; printed < 64 * 1024 * 1024; printed += line.length) print(2, line)
}
