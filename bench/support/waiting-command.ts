/**
 * Stands in for `shared/commands/command.ts` in the daemons of a fleet: no process is started, a timer waits for as long as the
 * real program takes, and what that leaves behind is left. What it is given is checked.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command, CommandOutcome } from '../../shared/commands/command.ts'

/** How long each takes, once it has a processor for itself (milliseconds). */
const takesMs = { kinit: 50, htgettoken: 600, ssh: 300 }
const day = 86_400

const programs: Record<keyof typeof takesMs, (command: Command) => string> = { kinit, htgettoken, ssh }

export async function runCommand(command: Command): Promise<CommandOutcome> {
  const name = (command.name ?? command.file) as keyof typeof takesMs
  assert.ok(Object.hasOwn(programs, name), `nobody stands in for ${name}`)
  await sleep(takesMs[name], undefined, { signal: command.signal })
  return { kind: 'exited', exitCode: 0, stdout: programs[name](command), stderr: '' }
}

function kinit({ args }: Command): string {
  const [keyFlag, tableFlag, keytab, cacheFlag, cache = '', principal = ''] = args
  assert.deepEqual([keyFlag, tableFlag, cacheFlag], ['-k', '-t', '-c'])
  const [account = '', realm = ''] = principal.split('@')
  assert.ok(keytab?.endsWith(`/${account}.keytab`), 'the keytab is another account’s')
  writeFileSync(cache.replace(/^FILE:/, ''), ticketCache(account, realm), { mode: 0o600 })
  return ''
}

/** A cache in MIT's version 4, with a ticket for a day. */
function ticketCache(account: string, realm: string): Buffer {
  const short = (value: number) => Buffer.from([value >> 8, value & 0xff])
  const long = (value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return bytes
  }
  const data = (text: string) => Buffer.concat([long(Buffer.byteLength(text)), Buffer.from(text)])
  const principal = (...parts: string[]) =>
    Buffer.concat([long(1), long(parts.length), data(realm), ...parts.map(data)])
  const now = Math.floor(Date.now() / 1_000)
  const times = [now, now, now + day, now + day].map(long)
  const key = [short(18), data('no key')]
  const rest = [Buffer.from([0]), long(0), long(0), long(0), data('no ticket'), data('')]
  return Buffer.concat([
    ...[short(0x0504), short(0), principal(account)],
    ...[principal(account), principal('krbtgt', realm), ...key, ...times, ...rest],
  ])
}

function htgettoken({ args, env }: Command): string {
  assert.match(env.KRB5CCNAME ?? '', /^FILE:.+\.ccache$/)
  const file = args.flatMap((word) => word.match(/^--vaulttokenfile=(.+)$/)?.[1] ?? [])[0]
  assert.ok(file, 'htgettoken is not told where to write')
  writeFileSync(file, `hvs.${randomBytes(60).toString('base64url')}\n`, { mode: 0o600 })
  return ''
}

/** What the script that runs on a node (`place.sh`) answers when it has put every file in its place. */
function ssh({ args, env, input = '' }: Command): string {
  assert.match(env.KRB5CCNAME ?? '', /^FILE:.+\.ccache$/)
  assert.equal(args.at(-3), '--', 'the node could be taken for an option')
  const [mark = '', ...lines] = input.slice(input.indexOf('\n#--\n') + '\n#--\n'.length).split('\n')
  const data = lines.filter((line) => line.startsWith(`${mark} `)).map((line) => line.slice(mark.length + 1))
  const contents = data.filter((line) => line.startsWith('hvs.'))
  assert.equal(contents.length, 2, 'a token has two names')
  const files = data.filter((_, index) => /^(400|644)$/.test(data[index + 1] ?? ''))
  return files.map((number) => `managed-tokens: ${number} ok\n`).join('')
}
