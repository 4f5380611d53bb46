/** Tokens that come near their end for one cause, and those that are replaced again, as one piece of news each. Pure. */
import { affectedOf } from '../failures/affected.ts'
import type { News } from '../news/news.ts'

/** For administrators: whatever else there is stays as it is, in its order. */
export function joinExpiring(all: readonly News[]): News[] {
  const groups = Map.groupBy(all, groupOf)
  return all.flatMap((one) => {
    const group = groups.get(groupOf(one)) ?? []
    if (groupOf(one) === undefined || group.length < 2) return one
    return group[0] === one ? join(group) : []
  })
}

/** Undefined for what is told by itself. */
function groupOf({ kind, isTest, cause, affected, ends }: News): string | undefined {
  if (affected) return undefined
  if (kind === 'expiring' && cause) return [isTest, kind, cause.kind, cause.name].join('\n')
  return kind === 'recovered' && ends?.join() === 'expiring' ? `${isTest}\n${kind}` : undefined
}

function join(group: readonly News[]): News {
  const [first] = group.toSorted((a, b) => Date.parse(a.expiry ?? a.at) - Date.parse(b.expiry ?? b.at)) as [
    News,
  ]
  const { entry: _entry, service: _service, where: _where, name: _name, message: _message, ...rest } = first
  const things = group.flatMap(({ entry, service, where, name }) =>
    entry && service && where && name ? { entry, service, where, name } : [],
  )
  return { ...rest, message: '', affected: affectedOf(things, []) }
}
