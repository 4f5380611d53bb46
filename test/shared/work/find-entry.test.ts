import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Permanent } from '../../../shared/contracts/errors.ts'
import { pushItem } from '../../../shared/contracts/messages.ts'
import { onSubject } from '../../../shared/contracts/on-subject.ts'
import { pushSubject } from '../../../shared/contracts/subjects.ts'
import {
  entryNamed,
  findEntry,
  knownEntry,
  mustBeCredd,
  mustBeNode,
} from '../../../shared/work/find-entry.ts'
import { dune, entryOf, readyOf, siteOf } from '../../services/build.ts'

const site = siteOf()
const entry = entryOf()
const configured = site.entries.find(({ name }) => name === 'dune_production')
const refused = (act: () => unknown, code: string, message: RegExp) =>
  assert.throws(
    act,
    (error) => error instanceof Permanent && error.failure.code === code && message.test(error.message),
  )

describe('what an item says of its entry', () => {
  it('is what the configuration says', () => assert.equal(findEntry(site, dune).name, 'dune_production'))
  const others = {
    entry: 'other_production',
    experiment: 'nova',
    role: 'analysis',
    service: 'nova_production',
  }
  for (const [what, value] of Object.entries(others))
    it(`is refused with another ${what}`, () =>
      refused(() => findEntry(site, { ...dune, [what]: value }), 'entry-unknown', new RegExp(`"${value}"`)))
  for (const [what, value] of Object.entries(others))
    it(`is nobody’s, where only what is known is to be taken away, with another ${what}`, () =>
      assert.equal(knownEntry(site, { ...dune, [what]: value }), undefined))
  it('is known where all of it is', () => assert.equal(knownEntry(site, dune), configured))
  it('is found by its name alone, in each configuration its own', () => {
    assert.equal(entryNamed(site.entries, dune.entry), configured)
    assert.equal(entryNamed(site.entries, dune.entry), configured)
    assert.equal(entryNamed([], dune.entry), undefined)
    assert.equal(entryNamed(site.entries, 'typo'), undefined)
  })
  it('is refused with words that say what is wrong and where', () => {
    refused(
      () => findEntry(site, { ...dune, entry: 'typo' }),
      'entry-unknown',
      /^"typo" is not in this daemon’s configuration managedTokens\.yml\.$/,
    )
    refused(
      () => findEntry(site, { ...dune, role: 'typo' }),
      'entry-unknown',
      /^"typo" is not the role of dune_production in managedTokens\.yml\.$/,
    )
  })
  it('is named as one clean line', () =>
    refused(
      () => findEntry(site, { ...dune, entry: 'x\u001b[2J\n' }),
      'entry-unknown',
      /^"x\\u001b\[2J\\n" is not/,
    ))
})

describe('where an item wants a token', () => {
  it('is a node of the entry, or it is refused', () => {
    mustBeNode('node1.lab.example', entry, site)
    refused(() => mustBeNode('evil.example', entry, site), 'entry-unknown', /not a node of dune_production/)
  })
  for (const credd of ['evil.host', 'a/../../../x', 'CREDD1.lab.example', ''])
    it(`is a credd that the configuration or the collector names, and never ${JSON.stringify(credd)}`, () => {
      const names = ['credd1.lab.example']
      mustBeCredd('credd1.lab.example', { names, refused: [] }, entry, site)
      refused(() => mustBeCredd(credd, { names, refused: [] }, entry, site), 'entry-unknown', /managedTokens/)
      const told = { names, refused: [credd], collector: 'collector.lab.example' }
      refused(
        () => mustBeCredd(credd, told, entry, site),
        'credd-unknown',
        /^collector\.lab\.example does not name ".*" among the credds of dune_production\.$/,
      )
      assert.throws(
        () => mustBeCredd(credd, told, entry, site),
        (error) => error instanceof Permanent && error.failure.causeName === 'collector.lab.example',
      )
    })
})

describe('a message', () => {
  const item = { ...readyOf(), node: 'node1.lab.example' }
  const isTaken = (subject: string) =>
    onSubject(subject, pushItem, ({ node, ...about }) => pushSubject(about, node)).safeParse(item).success
  it('counts on the subject of what it is about, and on no other', () => {
    assert.ok(isTaken('push.dune.production.node1_lab_example'))
    for (const subject of [
      'push.nova.production.node1_lab_example',
      'push.dune.production.node2_lab_example',
      'push.dune.production',
      'token.ready.dune.production',
    ])
      assert.ok(!isTaken(subject), subject)
  })
})
