/** `npm run demo -- --keep` as a person starts it: it says where the status page is, which is there until Ctrl-C. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { makeDirectory } from '../support/pipeline.ts'
import { openPage, startBrowser } from './browser.ts'

const demo = fileURLToPath(new URL('../../sandbox/demo.ts', import.meta.url))

it('a demo that stays up says where the status page is, last but one', { timeout: 300_000 }, async () => {
  await using directory = await makeDirectory()
  const child = spawn(process.execPath, [demo, '--dir', directory.path, '--keep'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  try {
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line)
      if (line.startsWith('Ctrl-C stops everything')) break
    }
    const url = /^The status page is at (http:\/\/127\.0\.0\.1:\d+\/)$/.exec(lines.at(-2) ?? '')?.[1]
    assert.ok(url, lines.slice(-3).join('\n'))
    const browser = await startBrowser()
    await using _closing = { [Symbol.asyncDispose]: () => browser.close() }
    await using open = await openPage(browser, {})
    await open.page.goto(url)
    await open.page.waitForSelector('text=All 4 services are fresh')
  } finally {
    child.kill('SIGINT')
    await ended
  }
})
