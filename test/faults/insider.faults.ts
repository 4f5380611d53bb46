import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { PlacedFile } from '../../services/distributor/transport/push.ts'
import { type Insider, startInsider } from '../services/distributor/insider.ts'
import {
  leftOvers,
  placeHere,
  stickyDirectory,
  tokenFiles,
  victim,
} from '../services/distributor/transport/place-here.ts'
import { rsyncHere } from '../services/distributor/transport/rsync-here.ts'

const copierOptions = 'fileCopierOptionsOverride: --perms --chmod=u=r,go='
/** Each way of a push, and what it says of one that went well. */
const ways: Record<string, (t: TestContext, files: readonly PlacedFile[]) => Promise<unknown>> = {
  dash: (_, files) => results(files, '/bin/dash'),
  'bash as sh': (_, files) => results(files, '/bin/bash --posix'),
  'busybox sh': (_, files) => results(files, '/bin/busybox sh'),
  // Slowly, so that its temporary files are there for long enough to be seen.
  rsync: (t, files) => rsyncHere(t, '', `${copierOptions} --bwlimit=30`).push(files),
}
const results = async (files: readonly PlacedFile[], shell: string) => {
  const said = await placeHere(files, { as: victim, shell })
  return ['ok', 'ok'].join() === [...said.results.values()].join() ? undefined : said
}
/** How many names of pushes somebody has to have seen before it is believed that there is nothing to get. */
const enough = 12

/** Pushes until the insider has seen enough of it, each time another token. */
async function pushUntilSeen(
  insider: Insider,
  push: (content: string) => Promise<unknown>,
): Promise<unknown[]> {
  const failed: unknown[] = []
  for (let count = 1; insider.met.items.length < enough; count += 1) {
    const said = await push(`hvs.canary-${count}-${'n'.repeat(5_000)}`)
    if (said !== undefined) failed.push(said)
  }
  return failed
}

describe('pushes that another user of the node watches', () => {
  for (const [way, push] of Object.entries(ways))
    it(`give them nothing, and are not hung up or deceived, by ${way}`, async (t) => {
      const directory = stickyDirectory(t)
      await push(t, tokenFiles(directory, 'hvs.canary-0'))
      await using insider = await startInsider(directory)
      const failed = await pushUntilSeen(insider, async (content) => {
        const files = tokenFiles(directory, content)
        const said = await push(t, files)
        return said ?? files.find((file) => readFileSync(file.path, 'utf8') !== `${file.content}\n`)
      })
      const { read, planted } = await insider.stop()
      const stolen = read.filter((one) => one.includes('canary'))
      assert.deepEqual({ stolen, failed }, { stolen: [], failed: [] })
      assert.ok(planted > 0, 'they did what they could')
    })

  for (const way of ['dash', 'bash as sh'])
    it(`give them nothing where the disk is full and a name is made a second time, in ${way}`, async (t) => {
      const directory = stickyDirectory(t)
      using _disk = mountDisk(directory, '64k')
      const files = tokenFiles(directory, 'hvs.canary-0')
      await ways[way]?.(t, files)
      await using insider = await startInsider(directory)
      assert.throws(() => writeFileSync(join(directory, 'filler'), Buffer.alloc(128 * 1024)))
      const said = await pushUntilSeen(insider, (content) =>
        Promise.resolve(ways[way]?.(t, tokenFiles(directory, content))),
      )
      const { read } = await insider.stop()
      assert.deepEqual(
        read.filter((one) => one.includes('canary')),
        [],
      )
      for (const one of said as { results: Map<number, string> }[])
        assert.deepEqual([...one.results.values()], ['disk-full', 'disk-full'])
      for (const { path, content } of files) assert.equal(readFileSync(path, 'utf8'), `${content}\n`)
      const left = leftOvers(directory).filter((name) => lstatSync(join(directory, name)).uid === victim)
      assert.deepEqual(left, [])
    })
})

/** A disk of its own, until the end of the block. */
function mountDisk(directory: string, size: string): Disposable {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=1777`, 'none', directory])
  return { [Symbol.dispose]: () => void execFileSync('umount', ['-l', directory]) }
}
