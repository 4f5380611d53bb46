import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { hold, passHoldPoint, release, waitHeld } from '../../sandbox/hold.ts'

describe('hold points', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'hold-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('let everyone pass when nothing is held', () => passHoldPoint(dir, 'ssh:dunegpvm01'))

  it('stop whoever comes until the test releases', async () => {
    hold(dir, 'htgettoken:dune_production')
    let passed = false
    const passing = passHoldPoint(dir, 'htgettoken:dune_production').then(() => {
      passed = true
    })
    assert.equal(await waitHeld(dir, 'htgettoken:dune_production'), process.pid)
    assert.equal(passed, false)
    release(dir, 'htgettoken:dune_production')
    await passing
  })

  it('do not take a process that was killed there for one that waits', async () => {
    hold(dir, 'ssh:dunegpvm01')
    writeFileSync(join(dir, 'held', 'ssh:dunegpvm01.4194305'), '')
    await assert.rejects(waitHeld(dir, 'ssh:dunegpvm01', 120), /nobody came to the hold point ssh:dunegpvm01/)
  })

  it('are told apart by their whole name', async () => {
    hold(dir, 'condor_vault_storer:dune_production')
    await passHoldPoint(dir, 'condor_vault_storer-done:dune_production')
    await assert.rejects(waitHeld(dir, 'condor_vault_storer-done:dune_production', 120))
  })
})
