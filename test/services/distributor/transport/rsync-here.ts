/** Runs the transport rsync with the real rsync at both ends and no network: what stands in for ssh runs the command as the account. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { PlacedFile } from '../../../../services/distributor/transport/push.ts'
import { pushByRsync } from '../../../../services/distributor/transport/rsync.ts'
import { entryOf } from '../../build.ts'
import { victim } from './place-here.ts'

export interface RsyncHere {
  /** Every word that a program was given, one line each. */
  words(): string
  push(files: readonly PlacedFile[], uid?: number): Promise<string | undefined>
}

/** `before`: shell text that the "node" runs ahead of each command; `$step` counts them from 1. `rsync`: the program here. */
export function rsyncHere(t: TestContext, before = '', role = '', rsync = 'rsync'): RsyncHere {
  const base = mkdtempSync(join(tmpdir(), 'mt-rsync-'))
  t.after(() => rmSync(base, { recursive: true, force: true }))
  chmodSync(base, 0o711)
  const [ssh, log, staging] = ['ssh', 'words', 'staging'].map((name) => join(base, name)) as [
    string,
    string,
    string,
  ]
  mkdirSync(staging, { mode: 0o700 })
  const asVictim = `setpriv --reuid=${victim} --regid=${victim} --clear-groups --`
  const script = `#!/bin/sh
printf '%s\\n' "$@" >>${log}
echo >>${base}/steps
step=$(wc -l <${base}/steps)
while [ "$1" != -- ]; do shift; done
shift 2
${before}
exec ${asVictim} /bin/sh -c "$*"
`
  writeFileSync(ssh, script, { mode: 0o755 })
  return {
    words: () => readFileSync(log, 'utf8'),
    push: (files, uid = victim) =>
      pushByRsync(
        { entry: entryOf('distributor: { transport: rsync }', role), node: 'node1.lab.example', uid, files },
        {
          ...{ ssh, rsync, ccache: '/nowhere', staging, timeoutMs: 60_000, connectMs: 20_000 },
          signal: AbortSignal.timeout(120_000),
        },
      ),
  }
}
