import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cutIntoPages } from '../../../../shared/bus/requests/page.ts'

describe('pages', () => {
  it('hold every item once, in order, and none more bytes than they may', () => {
    const items = Array.from({ length: 1_000 }, (_, index) => 'ä'.repeat(index % 50))
    const pages = cutIntoPages(items, 200)
    assert.deepEqual(pages.flat(), items)
    for (const page of pages) assert.ok(Buffer.byteLength(JSON.stringify(page)) <= 202)
  })
  it('are as few as possible', () => {
    assert.equal(cutIntoPages(['aaa', 'aaa', 'aaa'], 12).length, 2)
  })
  it('are one, empty, where there is nothing to say', () => {
    assert.deepEqual(cutIntoPages([]), [[]])
  })
  it('give an item that is larger than a page one of its own', () => {
    assert.deepEqual(cutIntoPages(['a', 'b'.repeat(50), 'c'], 10), [['a'], ['b'.repeat(50)], ['c']])
  })
})
