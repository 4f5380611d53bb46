/** What the doctor says of JetStream: on a real server, whose accounts differ. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { checkBus } from '../../../cli/doctor/bus.ts'
import { freePort } from '../../services/notifier/channels/mail-server.ts'
import { type } from '../../support/terminal.ts'

const accounts: Record<string, [account: string, says: RegExp]> = {
  'an account with JetStream has it': ['jetstream: enabled', /^ok JetStream is on for this user’s account$/],
  'an account without it has not, whatever the server says of itself': [
    '',
    /^problem JetStream is not there for this user’s account: .+ → give the account JetStream/,
  ],
  'an account with limits that are too low cannot work': [
    'jetstream: { max_streams: 3 }',
    /^problem the account may have 3 streams, and 14 are needed → raise the limits/,
  ],
}

describe('the doctor, of JetStream', () => {
  for (const [what, [account, says]] of Object.entries(accounts))
    it(what, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'mt-doctor-bus-'))
      await using stack = new AsyncDisposableStack()
      stack.defer(() => rmSync(directory, { recursive: true, force: true }))
      const { stdout } = await type(['keys', '--state', directory])
      const key = /^NATS_OPERATOR_KEY=(.*)$/m.exec(stdout)?.[1]
      const port = await freePort()
      const config = join(directory, 'nats.conf')
      writeFileSync(
        config,
        `listen: "127.0.0.1:${port}"
jetstream { store_dir: "${join(directory, 'store')}" }
accounts {
  ELSEWHERE { jetstream: enabled }
  DAEMONS { ${account}\nexports: [ { service: "$JS.API.INFO" } ] }
  OPERATOR {
    imports: [ { service: { account: DAEMONS, subject: "$JS.API.INFO" }, to: "managed-tokens-js.INFO" } ]
    users: [ { nkey: ${key} } ]
  }
}
`,
      )
      const server = spawn('nats-server', ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] })
      stack.defer(async () => {
        if (server.kill()) await once(server, 'exit')
      })
      for await (const line of server.stderr) if (/Server is ready/.test(`${line}`)) break
      const check = checkBus(undefined, { nats: `nats://127.0.0.1:${port}`, state: directory })
      const found = await check.look(new AbortController().signal)
      const lines = found.map(({ state, says, fix }) => `${state} ${says}${fix ? ` → ${fix}` : ''}`)
      assert.ok(
        lines.some((line) => says.test(line)),
        lines.join('\n'),
      )
      assert.equal(lines.filter((line) => /JetStream|streams/.test(line)).length, 1)
      // These accounts are not as ours, and their user may say everything.
      assert.ok(
        lines.some((line) => line.startsWith('problem the permissions in force are not those of this')),
      )
    })
})
