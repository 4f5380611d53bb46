import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { makeTemporaryDirectory, processesOf } from './site-support.ts'

const serve = fileURLToPath(new URL('../../sandbox/serve.ts', import.meta.url))

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  it(`nothing of a served site outlives its process after ${signal}`, async () => {
    const dir = makeTemporaryDirectory()
    const child = spawn(process.execPath, [serve, '--dir', dir], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    for await (const line of createInterface({ input: child.stdout })) if (line.includes('Ctrl-C')) break
    assert.ok(processesOf(dir).length >= 5, 'the site, its KDC and its nodes must be seen while they run')

    child.kill(signal)
    assert.deepEqual(await exited, signal === 'SIGKILL' ? [null, 'SIGKILL'] : [0, null])
    await becomesTrue(() => processesOf(dir).length === 0)
    rmSync(dir, { recursive: true })
  })
}

for (const [fault, said] of [
  ['nod-down=x', /^sandbox: unknown fault "nod-down"; did you mean node-down\?\n$/],
  [
    'node-down=dunegpvm9',
    /^sandbox: fault "node-down": the site has no node dunegpvm9; did you mean dunegpvm\d+\?/,
  ],
] as const)
  it(`the wrong fault ${fault} is refused with what was meant, and nothing starts`, async () => {
    const dir = makeTemporaryDirectory()
    const child = spawn(process.execPath, [serve, '--dir', dir, '--fault', fault], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const exited = once(child, 'exit')
    let words = ''
    for await (const part of child.stderr) words += part
    assert.equal((await exited)[0], 1)
    assert.match(words, said)
    assert.doesNotMatch(words, /\n\s+at /)
    rmSync(dir, { recursive: true })
  })

/** The kernel kills the orphans right after their parent: no event tells us, so it is looked at again and again. */
async function becomesTrue(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!holds()) {
    assert.ok(performance.now() < deadline, 'still not so after a minute')
    await wait(20)
  }
}
