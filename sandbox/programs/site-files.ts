/** What stand-in programs learn from the sandbox's files and from Kerberos. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One value of the condor configuration: `_condor_<NAME>` of the environment, else `condor/config.json`. Empty means undefined, as in HTCondor. */
export function readCondorValue(
  dir: string,
  env: Readonly<NodeJS.ProcessEnv>,
  name: string,
): string | undefined {
  const overridden = Object.entries(env).find(
    ([variable]) => variable.toLowerCase() === `_condor_${name.toLowerCase()}`,
  )?.[1]
  const configured = readJson<Record<string, string>>(join(dir, 'condor', 'config.json'))
  const known = Object.entries(configured ?? {}).find(
    ([key]) => key.toLowerCase() === name.toLowerCase(),
  )?.[1]
  return (overridden ?? known) || undefined
}

/** The schedds of a pool that a constraint selects; undefined when there is no such collector. */
export function findSchedds(
  dir: string,
  collector: string,
  constraint: string | undefined,
): string[] | undefined {
  type Pool = { collector: string; constraint: string; schedds: string[] }
  const pools = readJson<{ pools: Pool[] }>(join(dir, 'site.json'))?.pools.filter(
    (pool) => pool.collector === collector,
  )
  if (!pools?.length) return undefined
  const selected = pools.filter((pool) => constraint === undefined || pool.constraint === constraint)
  return [...new Set(selected.flatMap((pool) => pool.schedds))]
}

/** The default principal of the ticket cache (KRB5CCNAME), if its ticket is still good. */
export function readPrincipal(env: Readonly<NodeJS.ProcessEnv>): string | undefined {
  if (spawnSync('/usr/bin/klist', ['-s'], { env }).status !== 0) return undefined
  const { stdout } = spawnSync('/usr/bin/klist', [], { env, encoding: 'utf8' })
  return /^Default principal: (\S+)$/m.exec(stdout)?.[1]
}

/** `dunepro` of `dunepro/managedtokens/sandbox.test@SANDBOX.TEST`. */
export const accountOf = (principal: string) => principal.split(/[/@]/, 1)[0] as string

function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
