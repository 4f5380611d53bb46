import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readListing, resultOf, resultOfBroken } from '../../../services/distributor/rsync-outcome.ts'

const file = { path: '/tmp/vt_u61234', mode: '400', content: 'content' } as const

/** What rsync lists of the token as somebody with `change` to see. */
const judge = (change: string) => {
  const seen = readListing(`${change} 61234 r-------- vt_u61234\n`).get('vt_u61234')
  return resultOf(file, 61_234, seen, undefined)
}

describe('the look at what rsync has put there', () => {
  it('is good where nothing differs, which whoever is not root is shown as blanks', () => {
    assert.equal(judge('.f         '), 'ok')
  })
  it('is good where only the owner differs from who looks, which root is shown', () => {
    assert.equal(judge('.f....o....'), 'ok')
  })
  it('is not where the content differs', () => {
    assert.match(judge('>fc........'), /^squatted found other content 61234/)
  })
  it('after an rsync that broke off believes what is in place, and takes the rest for nobody’s', () => {
    const [good, old] = ['.f    ', '>fc........'].map((change) =>
      readListing(`${change.padEnd(11)} 61234 r-------- vt_u61234\n`).get('vt_u61234'),
    )
    const about = 'rsync: [receiver] write failed on "/tmp/role": Input/output error (5)'
    assert.equal(resultOfBroken(file, 61_234, good, about), 'ok')
    assert.match(resultOfBroken(file, 61_234, old, undefined), /^other .*did not say why/)
    assert.match(resultOfBroken(file, 61_234, undefined, undefined), /^other .*did not say why/)
  })
})
