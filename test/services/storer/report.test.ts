import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reportStore } from '../../../services/storer/report.ts'
import { failure } from '../../../shared/contracts/errors.ts'
import type { StoreItem, TokenFailed } from '../../../shared/contracts/messages.ts'
import { dune, ofRun, readyOf, siteOf } from '../build.ts'

const stored = 'distributor: { pushAfter: stored }'
const plain = 'No vault token of dune_production in credd1: the credd did not answer.'
const message = (site: ReturnType<typeof siteOf>, push = true) => {
  const ready = readyOf()
  const mode = { push, notify: true }
  const item: StoreItem = { ...ofRun(), ...dune, mode, deadline: ready.deadline, credd: 'credd1', ready }
  return (reportStore(item, failure('credd-unreachable', plain), false, site).body as TokenFailed).message
}

describe('the failure of a credd', () => {
  it('says that the nodes wait for it, where they do', () => {
    const expected = `${plain} Until that credd has it, no node of dune_production gets the new token (distributor.pushAfter: stored).`
    assert.equal(message(siteOf(stored)), expected)
  })
  it('says nothing of nodes where none waits', () => {
    assert.equal(message(siteOf()), plain)
    assert.equal(message(siteOf(stored), false), plain, 'a test run pushes nothing')
    const site = siteOf(stored)
    const withoutNodes = { ...site, entries: site.entries.map((entry) => ({ ...entry, nodes: [] })) }
    assert.equal(message(withoutNodes), plain)
  })
})
