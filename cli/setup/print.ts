/** `setup --print`: what setup would do here, as a shell script to read, keep or run. */
import type { Machine } from './machine.ts'
import { scriptOf } from './script.ts'
import type { Step, Verdict } from './step.ts'
import type { Wish } from './wish.ts'

export function printScript(steps: readonly Step[], machine: Machine, wish: Wish): string {
  const blocks = steps.flatMap(({ about, look }) => ['', ...blockOf(about, look(machine))])
  return `#!/bin/sh\n# What "managed-tokens setup" would do on ${machine.hostname}. To be run as root.\n${scriptOf(wish.root, blocks)}`
}

function blockOf(about: string, verdict: Verdict): string[] {
  const said = (mark: string, ...texts: string[]) =>
    texts.flatMap((text) => text.split('\n')).map((line) => `# ${mark}${line}`)
  switch (verdict.state) {
    case 'todo':
      return [...said(`${about}: `, verdict.says), ...verdict.script]
    case 'kept':
      return said(`${about}, kept: `, verdict.says)
    default:
      return [...said(`${about}, for you: `, verdict.says), ...said('  ', verdict.next)]
  }
}
