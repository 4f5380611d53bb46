import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { promisify } from 'node:util'
import { hold, release, waitHeld } from '../../sandbox/hold.ts'
import { layoutOf } from '../../sandbox/layout.ts'
import { writeWrappers } from '../../sandbox/wrappers.ts'
import { makeTemporaryDirectory } from './site-support.ts'

const run = promisify(execFile)

it('the wrapper of ssh passes its words on, and waits where its host is held', async () => {
  const layout = layoutOf(join(makeTemporaryDirectory(), 'it’s a "site"'))
  mkdirSync(layout.dir)
  writeWrappers(layout)
  const ssh = (host: string) =>
    run(join(layout.bin, 'ssh'), ['-G', '-o', 'SetEnv=WORDS="a b"', `dunepro@${host}`, 'some command'], {
      env: {},
    })

  assert.match((await ssh('node01')).stdout, /^user dunepro\nhostname node01\n[\s\S]*setenv WORDS=a b\n/m)

  hold(layout.dir, 'ssh:node01')
  const held = ssh('node01')
  await waitHeld(layout.dir, 'ssh:node01')
  assert.match((await ssh('node02')).stdout, /^hostname node02$/m)
  release(layout.dir, 'ssh:node01')
  assert.match((await held).stdout, /^hostname node01$/m)
  rmSync(join(layout.dir, '..'), { recursive: true })
})
