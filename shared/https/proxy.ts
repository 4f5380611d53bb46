/** Which proxy a question takes, by the variables and rules of Go's library, which the predecessor went by. Pure. */
import { BlockList, isIP } from 'node:net'
import type { Environment } from '../config/environment.ts'
import { HttpError } from './http-error.ts'

export interface WebProxy {
  /** May hold a password: for the connection only. */
  readonly url: string
  /** Host and port, for people. */
  readonly host: string
}

/** The proxy on the way to `url`, or undefined. Throws {@link HttpError} where the variable names none that can be used. */
export function proxyFor({ protocol, hostname, port }: URL, variables: Environment): WebProxy | undefined {
  const isTls = protocol === 'https:'
  const named = firstSet(variables, isTls ? ['HTTPS_PROXY', 'https_proxy'] : ['HTTP_PROXY', 'http_proxy'])
  const found = named ?? firstSet(variables, ['ALL_PROXY', 'all_proxy'])
  if (!found) return undefined
  const exceptions = firstSet(variables, ['NO_PROXY', 'no_proxy'])?.value ?? ''
  if (goesDirect(hostname.replace(/^\[|\]$/g, ''), port || (isTls ? '443' : '80'), exceptions))
    return undefined
  const proxy = readProxy(found.value)
  // Go knows no ALL_PROXY: one that other programs take, such as a SOCKS proxy, must not keep us from working.
  if (proxy || !named) return proxy
  throw new HttpError(`${found.name} names no proxy that can be used: expected http://host:port`, {
    kind: 'proxy',
  })
}

function firstSet(variables: Environment, names: readonly (keyof Environment)[]) {
  for (const name of names) {
    const value = variables[name]
    if (typeof value === 'string' && value.trim()) return { name, value: value.trim() }
  }
  return undefined
}

/** Go takes `host:port` for a URL as well. */
function readProxy(value: string): WebProxy | undefined {
  const text = value.includes('://') ? value : `http://${value}`
  if (!URL.canParse(text)) return undefined
  const { protocol, href, host, port } = new URL(text)
  if (!/^https?:$/.test(protocol) || !host) return undefined
  return { url: href, host: port ? host : `${host}:${protocol === 'https:' ? 443 : 80}` }
}

/** Whether NO_PROXY excepts the host. This machine itself is never asked by way of a proxy. */
function goesDirect(host: string, port: string, exceptions: string): boolean {
  if (host === 'localhost' || isLoopback(host)) return true
  return exceptions
    .split(',')
    .map((word) => word.trim().toLowerCase())
    .some((word) => word !== '' && isExcepted(host, port, word))
}

/** One word of NO_PROXY: `*`, a network, an address, a name with all below it, `.name` or `*.name` with those below alone. */
function isExcepted(host: string, port: string, word: string): boolean {
  if (word === '*') return true
  if (word.includes('/')) return isInNetwork(host, word)
  const [, name = '', only] =
    /^(\[[^\]]*\]|[^:]*|[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f.]*)(?::(\d+))?$/.exec(word) ?? []
  if (only !== undefined && only !== port) return false
  const bare = name.replace(/^\[|\]$/g, '')
  if (isIP(bare))
    return isIP(host) === isIP(bare) && isInNetwork(host, `${bare}/${isIP(bare) === 4 ? 32 : 128}`)
  const domain = bare.replace(/^\*\./, '.')
  if (domain === '' || isIP(host)) return false
  return domain.startsWith('.') ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`)
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')
const isLoopback = (host: string) => isIP(host) !== 0 && loopback.check(host, familyOf(host))

function isInNetwork(host: string, network: string): boolean {
  const [address = '', bits = ''] = network.split('/')
  const isNetwork =
    isIP(address) !== 0 && /^\d+$/.test(bits) && Number(bits) <= (isIP(address) === 4 ? 32 : 128)
  if (!isIP(host) || !isNetwork) return false
  const list = new BlockList()
  list.addSubnet(address, Number(bits), familyOf(address))
  return list.check(host, familyOf(host))
}

const familyOf = (address: string) => (isIP(address) === 4 ? 'ipv4' : 'ipv6')
