import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { it } from 'node:test'

it('a process that cannot be started for want of file descriptors ends with the reason, and we go on', () => {
  const program = join(import.meta.dirname, 'no-descriptors.ts')
  const said = execFileSync('sh', ['-c', 'ulimit -n 64; exec "$0" "$1"', process.execPath, program], {
    encoding: 'utf8',
  })
  assert.deepEqual(JSON.parse(said), { error: 'EMFILE', stdout: '', stderr: '' })
})
