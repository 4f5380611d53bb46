import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  readListing,
  refusalOf,
  resultOf,
  resultOfBroken,
} from '../../../../services/distributor/transport/rsync-outcome.ts'
import { assertLinear } from '../../../support/cost.ts'

const file = { path: '/tmp/vt_u61234', mode: '400', content: 'content' } as const

/** What rsync lists of the token as somebody with `change` to see. */
const judge = (change: string) => {
  const seen = readListing(`${change} 61234 r-------- vt_u61234\n`).get('vt_u61234')
  return resultOf(file, 61_234, seen, undefined)
}

describe('what a node lists', () => {
  it('takes no longer to read than it is long, whatever it is', () => {
    for (const part of ['.f', ' ', '1', 'rwxrwxrwx ', '.f ', '1 ', '.f.........  '])
      assertLinear(4_000, (size) => {
        const listing = `.f${part.repeat(size / part.length)}`
        return () => readListing(listing)
      })
  })
})

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

describe('a directory that rsync lists', () => {
  const table: Record<string, [owner: number, permissions: string, isRefused: boolean]> = {
    'root’s, sticky and open to all': [0, 'rwxrwxrwt', false],
    'root’s, sticky, open to all who write and may not enter': [0, 'rwxrwxrwT', false],
    'the account’s own': [61_234, 'rwxr-xr-x', false],
    'open to all': [0, 'rwxrwxrwx', true],
    'open to a group': [61_234, 'rwxrwsr-x', true],
    'another user’s': [61_235, 'rwxr-xr-x', true],
    'another user’s, though sticky': [61_235, 'rwxrwxrwt', true],
  }
  for (const [what, [owner, permissions, isRefused]] of Object.entries(table))
    it(`${what} is ${isRefused ? 'refused' : 'good'}`, () => {
      const seen = readListing(`cd+++++++++ ${owner} ${permissions} tmp/\n`).get('tmp/')
      assert.equal(refusalOf(seen, 61_234) !== undefined, isRefused)
    })
  it('and one that is not there yet is rsync’s own business', () =>
    assert.equal(refusalOf(undefined, 61_234), undefined))
})
