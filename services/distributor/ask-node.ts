/** Asks by a probe whether a node answers, once for all who want to know it at the moment. */
import type { Entry } from '../../shared/config/site.ts'
import { type Probe, probe } from './probe.ts'
import type { SshTargets } from './ssh-target.ts'

export type AskNode = (entry: Entry, node: string, timeoutMs: number) => Promise<Probe>

/** Behind another program there is nothing to probe, and ssh itself has to find out. */
const unknown: Probe = { connected: Promise.resolve(undefined), greeted: Promise.resolve(undefined) }

export function openAskNode(targets: SshTargets): AskNode {
  const asking = new Map<string, Promise<Probe>>()
  return (entry, node, timeoutMs) => {
    const known = asking.get(node)
    if (known) return known
    const asked = targets(entry, node).then((target) =>
      target && !target.isProxied ? probe(target, timeoutMs) : unknown,
    )
    asking.set(node, asked)
    const forget = () => asking.delete(node)
    asked.then(({ greeted }) => greeted).then(forget, forget)
    return asked
  }
}
