/** What a key of the bus is good for, held against docs/security.md on whichever nats-server is first on the path. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { natsUsers } from '../../../shared/bus/permissions.ts'
import { matchesSubject } from '../../../shared/contracts/subjects.ts'
import { attacks } from './attacks.ts'
import { bodies } from './bodies.ts'
import { mayHear, mayPublish, whatBodiesDo } from './page.ts'
import { openWalls, type Walls } from './site.ts'
import { everyInterest, everySubject } from './universe.ts'
import { walkPublishing, walkSubscribing } from './walk.ts'

export function testBusWalls(version: '2.9.10' | '2.12.9'): void {
  let walls: Walls
  before(async () => {
    walls = await openWalls()
  })
  after(() => walls?.[Symbol.asyncDispose]())

  it('is the server of which the page speaks', () => assert.equal(walls.version, version))

  for (const [name, attack] of Object.entries(attacks)) it(name, () => attack(walls))

  const known = whatBodiesDo(version)
  it('the page has a row for everything that a body is tried with', () =>
    assert.deepEqual([...known.keys()], Object.keys(bodies)))
  for (const [sentence, tryIt] of Object.entries(bodies))
    it(`with a daemon's key, ${known.get(sentence) ? '' : 'not: '}${sentence}`, async () => {
      await walls.makeAll()
      assert.equal(await tryIt(walls), known.get(sentence))
    })

  for (const user of natsUsers) {
    it(`${user} may publish what the page says, of every subject and request`, async () => {
      await using bus = await walls.open(user)
      const allowed = await walkPublishing(bus, everySubject)
      assert.deepEqual(allowed, meant(everySubject, mayPublish(user)))
      assert.ok(allowed.length > 0)
    })
    it(`${user} may hear what the page says`, async () => {
      await using bus = await walls.open(user)
      const allowed = await walkSubscribing(bus, everyInterest)
      assert.deepEqual(allowed, meant(everyInterest, mayHear(user)))
    })
  }
}

const meant = (subjects: readonly string[], patterns: readonly string[]) =>
  subjects.filter((subject) => patterns.some((pattern) => matchesSubject(pattern, subject)))
