/** Where ssh would connect to for a node, which its configuration may know better than DNS. */
export interface SshTarget {
  readonly host: string
  readonly port: number
  /** Connections go through another program or host. */
  readonly isProxied: boolean
  /** The name the host key is looked up by. */
  readonly keyName: string
  readonly knownHosts: readonly string[]
  /** A program tells host keys besides. */
  readonly hasOtherKeys: boolean
}

/** Reads what `ssh -G` prints. Pure. */
export function readSshTarget(text: string): SshTarget {
  const options = new Map(text.split('\n').map((line) => splitOnce(line)))
  const host = options.get('hostname') ?? ''
  const port = Number(options.get('port') ?? 22)
  const proxy = options.get('proxycommand') ?? options.get('proxyjump') ?? 'none'
  return {
    host,
    port,
    isProxied: proxy !== 'none',
    keyName: options.get('hostkeyalias') ?? (port === 22 ? host : `[${host}]:${port}`),
    knownHosts: (options.get('globalknownhostsfile') ?? '').split(' ').filter(Boolean),
    hasOtherKeys: (options.get('knownhostscommand') ?? 'none') !== 'none',
  }
}

function splitOnce(line: string): [string, string] {
  const at = line.indexOf(' ')
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
}
