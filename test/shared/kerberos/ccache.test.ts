import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readCcache } from '../../../shared/kerberos/ccache.ts'
import { ccacheBytes } from './ccache-bytes.ts'

const end = Date.UTC(2026, 0, 3, 3, 4, 5)
const granting = { server: ['krbtgt', 'FNAL.GOV'], end: end / 1_000 }
const content = {
  client: ['dunepro', 'managedtokens', 'h.fnal.gov'],
  realm: 'FNAL.GOV',
  tickets: [granting],
}

describe('a credential cache', () => {
  it('tells the principal and the end of its ticket', () => {
    assert.deepEqual(readCcache(ccacheBytes(content)), {
      principal: 'dunepro/managedtokens/h.fnal.gov@FNAL.GOV',
      endMs: end,
    })
  })

  it('tells the end of the ticket-granting ticket, not that of a setting or of another service', () => {
    const others = [
      { server: ['krb5_ccache_conf_data', 'fast_avail'], end: 600 },
      { server: ['HTTP', 'krbtgt'], end: 700 },
    ]
    const bytes = ccacheBytes({ ...content, tickets: [...others, granting, ...others] })
    assert.equal(readCcache(bytes)?.endMs, end)
    assert.equal(readCcache(ccacheBytes({ ...content, tickets: others })), undefined)
  })

  it('tells a part with a slash from two parts, as klist does', () => {
    const bytes = ccacheBytes({ ...content, client: ['dunepro/x', 'y@z'] })
    assert.equal(readCcache(bytes)?.principal, 'dunepro\\/x/y\\@z@FNAL.GOV')
  })

  it('tells nothing wherever it ends too early', () => {
    const bytes = ccacheBytes(content)
    for (let length = 0; length < bytes.length; length++)
      assert.equal(readCcache(bytes.subarray(0, length)), undefined, `${length} of ${bytes.length} bytes`)
  })

  it('tells nothing in another format, or with lengths that are absurd', () => {
    const old = ccacheBytes(content)
    old[1] = 3
    assert.equal(readCcache(old), undefined)
    assert.equal(readCcache(Buffer.from('this is no credential cache at all')), undefined)
    assert.equal(readCcache(Buffer.from([5, 4, ...Array(200).fill(0xff)])), undefined)
  })
})
