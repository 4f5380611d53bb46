/** Whose turn it is, in words. Pure. */
import type { Service } from './service.ts'

/** A sentence without its full stop; empty where nobody has to do anything. */
export function turnWords({
  state,
  turn,
  experiment,
}: Pick<Service, 'state' | 'turn' | 'experiment'>): string {
  if (state === 'old') return 'Administrators should look: nothing has failed, and nothing was renewed'
  if (state === 'revoked') return 'Revoked: administrators decide when there are tokens again'
  if (state !== 'failing') return ''
  if (turn === 'experiment') return `Somebody of ${experiment} has to act`
  if (turn === 'administrators') return 'Administrators have to act, nothing to do for experimenters'
  return 'Nothing to do: it is tried again'
}

/** The name of a host without its domain. */
export const shortName = (name: string): string =>
  /^[\d.]+$/.test(name) ? name : (name.split('.')[0] ?? name)
