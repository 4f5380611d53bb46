/** What the machine's ssh needs for the nodes: where each name is, and its host key. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Layout } from './layout.ts'
import { type NodeAddress, sshdDirectory } from './nodes.ts'

/** Writes what ssh needs to find the nodes by their names and to know their host keys. */
export function writeSshConfig(layout: Layout, nodes: readonly NodeAddress[]): void {
  const hosts = nodes.map(
    ({ name, address, port }) =>
      `Host ${name}\n  HostName ${address}\n  Port ${port}\n  HostKeyAlias ${name}\n`,
  )
  writeFileSync(layout.sshConfig, `${hosts.join('')}${sshDefaults(layout)}`)
  const keys = nodes.map(({ name }) => {
    const [type, key] = readFileSync(join(sshdDirectory(layout, name), 'host_key.pub'), 'utf8').split(' ')
    return `${name} ${type} ${key}\n`
  })
  writeFileSync(layout.sshKnownHosts, keys.join(''))
}

const sshDefaults = (layout: Layout) => `Host *
  GSSAPIAuthentication yes
  GSSAPIDelegateCredentials no
  GlobalKnownHostsFile "${layout.sshKnownHosts}"
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking yes
`
