/** The hosts of a site: its realm, its nodes, and every key that one needs to know another. */
import { join } from 'node:path'
import { accountsOf, nodesOf, principalOf, type SiteEntry } from './entry.ts'
import { chooseLoopback } from './free-port.ts'
import { createRealm, type Kdc, type KeytabSpec } from './kdc.ts'
import type { Layout } from './layout.ts'
import { addressNodes, nodeKeytab, prepareNode, type SshdSettings, type SshNode } from './nodes.ts'
import { writeSshConfig } from './ssh-config.ts'

export const vaultKeytab = (layout: Layout): KeytabSpec => ({
  file: layout.vaultKeytab,
  principals: ['host/localhost', 'HTTP/localhost'],
})

/** Makes the realm and the nodes; none of them runs yet. */
export async function prepareHosts(
  layout: Layout,
  entries: readonly SiteEntry[],
  sshd: SshdSettings,
): Promise<{ kdc: Kdc; nodes: SshNode[] }> {
  const loopback = chooseLoopback()
  const accounts = accountsOf(entries)
  const addressed = await addressNodes(nodesOf(entries), (index) => loopback(index + 1))
  const nodes = await Promise.all(addressed.map((node) => prepareNode(layout, node, { accounts, sshd })))
  const keytabs: KeytabSpec[] = [
    ...accounts.map(({ name }) => ({
      file: join(layout.keytabs, `${name}.keytab`),
      principals: [principalOf(name)],
    })),
    vaultKeytab(layout),
    ...nodes.map((node) => nodeKeytab(layout, node)),
  ]
  const kdc = await createRealm(layout, keytabs, loopback(0))
  writeSshConfig(layout, nodes)
  return { kdc, nodes }
}
