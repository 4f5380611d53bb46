/** Whether a scope is part of what was granted, as WLCG's profile compares them: a path covers what lies below it. Pure. */
export function isWithin(scope: string, granted: readonly string[]): boolean {
  const [name, path] = cut(scope)
  return granted.some((one) => {
    const [grantedName, grantedPath] = cut(one)
    if (name !== grantedName) return false
    if (grantedPath === undefined || path === undefined) return grantedPath === path
    const below = grantedPath.endsWith('/') ? grantedPath : `${grantedPath}/`
    return path === grantedPath || path.startsWith(below)
  })
}

function cut(scope: string): [string, string | undefined] {
  const at = scope.indexOf(':')
  return at < 0 ? [scope, undefined] : [scope.slice(0, at), scope.slice(at + 1)]
}
