/** What must never happen to a storer, noticed when it does: an environment of somebody else, a token of another service. */
import type { Program } from '../program.ts'
import { readCondorValue } from '../site-files.ts'
import type { StoreRequest } from './arguments.ts'

/** Ends the program when its environment could send a token to a wrong place. */
export function checkEnvironment(program: Program): void {
  const { dir, env, fail } = program
  if (!readCondorValue(dir, env, 'COLLECTOR_HOST'))
    fail('_condor_COLLECTOR_HOST is missing: the credd would be looked for in another pool')
  if (!readCondorValue(dir, env, 'CREDD_HOST')) fail('_condor_CREDD_HOST is missing')
  if (!env.KRB5CCNAME) fail('KRB5CCNAME is missing: the ticket of whoever logged in last would be used')
}

/** Ends the program when a bearer token is not one of this service. */
export function checkBearer(program: Program, request: StoreRequest, bearer: string): void {
  const groups = readGroups(bearer)
  const wanted = request.role === undefined ? `/${request.issuer}` : `/${request.issuer}/${request.role}`
  if (!groups.includes(wanted))
    program.fail(`the bearer token has groups ${groups.join(' ')}, but ${request.service} is to be stored`)
}

function readGroups(bearer: string): readonly string[] {
  try {
    const claims = JSON.parse(Buffer.from(bearer.split('.')[1] ?? '', 'base64url').toString()) as {
      'wlcg.groups'?: string[]
    }
    return claims['wlcg.groups'] ?? []
  } catch {
    return []
  }
}
