/** Asks by a probe whether a node answers, once for all who want to know it at the moment. */
import type { Entry } from '../../shared/config/site.ts'
import { type Answer, probe } from './probe.ts'
import type { SshTargets } from './ssh-target.ts'

export type AskNode = (entry: Entry, node: string, timeoutMs: number) => Promise<Answer>

export function openAskNode(targets: SshTargets): AskNode {
  const asking = new Map<string, Promise<Answer>>()
  return (entry, node, timeoutMs) => {
    const known = asking.get(node)
    if (known) return known
    const asked = ask(targets, entry, node, timeoutMs).finally(() => asking.delete(node))
    asking.set(node, asked)
    return asked
  }
}

/** Behind another program there is nothing to probe, and ssh itself has to find out. */
async function ask(targets: SshTargets, entry: Entry, node: string, timeoutMs: number): Promise<Answer> {
  const target = await targets(entry, node)
  return target && !target.isProxied ? probe(target, timeoutMs) : undefined
}
