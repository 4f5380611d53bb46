/** UIDs that nodes were asked for: once, until one turns out to be another. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openAskedUids } from '../../../../services/distributor/nodes/asked-uids.ts'

describe('a UID that a node was asked for', () => {
  const wrong = new Error('wrong')
  const isWrong = (error: unknown) => error === wrong
  /** A node on which the account has this UID. */
  const openNode = (uid: number) => {
    const node = { uid, asked: 0, used: [] as number[] }
    const uids = openAskedUids()
    const push = (place = 'node') =>
      uids.use(
        place,
        async () => {
          node.asked++
          return node.uid
        },
        async (one) => {
          node.used.push(one)
          if (one !== node.uid) throw wrong
          return one
        },
        isWrong,
      )
    return { node, push }
  }

  it('is asked for once', async () => {
    const { node, push } = openNode(7)
    assert.deepEqual([await push(), await push(), node.asked], [7, 7, 1])
  })
  it('is each place’s own', async () => {
    const { node, push } = openNode(7)
    await push('one')
    await push('other')
    assert.equal(node.asked, 2)
  })
  it('is asked for anew where the account has got another one, and the push is made with that', async () => {
    const { node, push } = openNode(7)
    await push()
    node.uid = 8
    assert.equal(await push(), 8)
    assert.deepEqual([node.used, node.asked], [[7, 7, 8], 2])
  })
  it('is not asked for anew because a push fails otherwise', async () => {
    const uids = openAskedUids()
    const ask = async () => 7
    const fail = () => Promise.reject(new Error('disk'))
    await assert.rejects(uids.use('node', ask, fail, isWrong), /disk/)
    await assert.rejects(
      uids.use('node', () => assert.fail('asked again'), fail, isWrong),
      /disk/,
    )
  })
  it('is not kept where nobody said it', async () => {
    const uids = openAskedUids()
    const away = () => Promise.reject(new Error('away'))
    await assert.rejects(
      uids.use('node', away, async () => 1, isWrong),
      /away/,
    )
    assert.equal(
      await uids.use(
        'node',
        async () => 7,
        async (uid) => uid,
        isWrong,
      ),
      7,
    )
  })
})
