/**
 * Another user of a real node watches, plants and reads while tokens are pushed there, by dash, bash and rsync, now and then
 * onto a full disk: `SOAK_SECONDS` (600 for all 200 pushes of each) and `SOAK_SEED` choose how many pushes, the lengths of their
 * tokens, and which of them find no room.
 */
import assert from 'node:assert/strict'
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Transient } from '../../shared/contracts/errors.ts'
import { startInsider } from '../services/distributor/insider.ts'
import { type RealNode, startRealNode, uid } from '../services/distributor/transport/real-node.ts'
import { eventually } from '../support/latch.ts'
import { randomOf } from '../support/random.ts'

const seconds = Number(process.env.SOAK_SECONDS ?? 600)
const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000)
const mostPushes = 200
const pushes = Math.min(mostPushes, Math.ceil(seconds / 3))

const bashAsSh = `exec /bin/sh -c "$(printf '%s' "$2" | sed 's,/bin/sh,/bin/bash --posix,')"`
const ways: Record<string, { readonly transport: 'ssh' | 'rsync'; readonly shell?: string }> = {
  dash: { transport: 'ssh' },
  'bash as sh': { transport: 'ssh', shell: bashAsSh },
  rsync: { transport: 'rsync' },
}

describe('pushes to a real node that another of its users watches', () => {
  let node: RealNode
  before(async () => {
    node = await startRealNode()
    await node.push('hvs.first')
  })
  after(() => node[Symbol.asyncDispose]())

  for (const [way, { transport, shell }] of Object.entries(ways))
    it(`disclose nothing, end, and say what is so, by ${way}`, {
      timeout: (seconds + 600) * 1_000,
    }, async (t) => {
      const random = randomOf(seed)
      t.diagnostic(`SOAK_SEED=${seed}, ${pushes} pushes`)
      await node.restartWithTmp('256k')
      node.setShell(shell)
      await node.push('hvs.canary-0', { transport })
      const directory = node.tmp().replace('/self/', `/${process.pid}/`)
      await using insider = await startInsider(directory)
      let last = 'hvs.canary-0'
      // On a busy machine somebody may see none of a few.
      for (let push = 1; push <= (insider.met.items.length > 0 ? pushes : mostPushes); push += 1) {
        const content = `hvs.canary-${push}-${'n'.repeat(random() * 8_000)}`
        const isFull = random() < 0.2
        if (isFull) fill(join(directory, 'filler'))
        const failed = await node.push(content, { transport }).then(() => undefined, codeOf)
        rmSync(join(directory, 'filler'), { force: true })
        // rsync is ended by a full disk, now and then before its reason has come through.
        const isExpected = isFull
          ? failed === 'disk-full' || (transport === 'rsync' && failed === 'push-failed')
          : failed === undefined
        assert.ok(isExpected, `push ${push}, ${isFull ? 'on a full disk' : 'with room'}: ${failed}`)
        if (!isFull) last = content
        assert.deepEqual(node.read(), { first: last, second: last })
      }
      const { read, seen, planted } = await insider.stop()
      t.diagnostic(`they saw ${seen} names, took ${planted}, and read ${read.length} things`)
      assert.deepEqual(
        read.filter((one) => one.includes('canary')),
        [],
      )
      assert.ok(planted > 0, 'they did what they could')
      await eventually(async () => !hasProcesses(), 'nothing of the account runs on the node')
      const left = readdirSync(directory).filter((name) => statOf(join(directory, name))?.uid === uid)
      assert.deepEqual(left.sort(), [`vt_u${uid}`, `vt_u${uid}-dune_production`])
    })
})

/** Until nothing goes into it any more. */
function fill(path: string): void {
  for (const size of [64, 4, 1])
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size * 1024), { flag: 'a' })
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
    }
}

const codeOf = (error: unknown) => (error instanceof Transient ? error.failure.code : String(error))

const statOf = (path: string) => statSync(path, { throwIfNoEntry: false })

/** Of the account: nobody else here has its number. */
const hasProcesses = () =>
  readdirSync('/proc').some((name) => /^\d+$/.test(name) && statOf(`/proc/${name}`)?.uid === uid)
