/** What people see of a service, in words: how it stands, whose turn it is, what comes first. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { badgeOf } from '../../../../services/notifier/page/view/badge.ts'
import { blocksOf, isOf } from '../../../../services/notifier/page/view/experiment.ts'
import { fleetOf, headlineOf, rowOf } from '../../../../services/notifier/page/view/fleet.ts'
import { guideOf } from '../../../../services/notifier/page/view/guide.ts'
import {
  type About,
  type Freshness,
  placeOf,
  problemOf,
} from '../../../../services/notifier/page/view/place.ts'
import { inOrder } from '../../../../services/notifier/page/view/service.ts'
import { turnWords } from '../../../../services/notifier/page/view/turn.ts'
import { ago, exact, inWords, left } from '../../../../services/notifier/page/view/words.ts'
import type { TargetRecord } from '../../../../shared/work/target-record.ts'
import { at, entryOf, runIds, siteOf } from '../../build.ts'
import { allFresh, doneAt, failedWith, hourly, keys, knownOf, now, recordOf, servicesOf } from './known.ts'

describe('a place', () => {
  const cases: Record<string, [TargetRecord | undefined, string, Partial<Freshness>?, About?]> = {
    'that the last run has served is fresh': [doneAt(3), 'fresh'],
    'of which nothing is known never had a token': [undefined, 'never'],
    'that is being worked on for the first time never had one': [recordOf(), 'never'],
    'that is being worked on again is as it was': [doneAt(3, { run: runIds[1] }), 'fresh'],
    'that one run has missed is fresh still': [doneAt(-90), 'fresh'],
    'that two runs have missed is old': [doneAt(-120), 'old'],
    'whose token has ended is old, however lately it was served': [doneAt(3, { expiry: at(19) }), 'old'],
    'whose token lives long is fresh where nothing is scheduled': [
      doneAt(-999),
      'fresh',
      { periodMs: undefined },
    ],
    'whose token ends soon is old where nothing is scheduled': [
      doneAt(3, { expiry: at(24 * 60) }),
      'old',
      { periodMs: undefined },
    ],
    'that has failed is failing': [failedWith('node-unreachable'), 'failing'],
    'that was reported, and is still tried, is failing': [
      doneAt(-9, { run: runIds[1], reported: true }),
      'failing',
    ],
    'that was reported, and served after all, is fresh': [doneAt(3, { reported: true }), 'fresh'],
    'whose tokens were taken back is revoked, whatever else': [
      failedWith('node-unreachable'),
      'revoked',
      {},
      { isRevoked: true },
    ],
  }
  for (const [name, [record, state, freshness, about]] of Object.entries(cases))
    it(name, () => {
      const place = placeOf(
        { kind: 'node', name: 'node1' },
        record,
        about ?? {},
        { ...hourly, ...freshness },
        now,
      )
      assert.equal(place.state, state)
    })

  it('says what is wrong in the words of its reason, since when, and how often in a row', () => {
    const failed = { since: at(-600), runs: 11 }
    const place = placeOf(
      { kind: 'node', name: 'n' },
      failedWith('connection-refused'),
      { failed },
      hourly,
      now,
    )
    assert.deepEqual(place.problem, {
      code: 'connection-refused',
      message: 'It broke.',
      means: 'nothing listens on the node’s ssh port',
      action: 'Check sshd on the node.',
      turn: 'administrators',
    })
    assert.deepEqual([place.since, place.runs], [at(-600), 11])
  })

  it('takes from the ledger what its record does not say', () => {
    const problem = problemOf({ code: 'connection-lost', message: 'It ended.', action: '' })
    const place = placeOf({ kind: 'node', name: 'n' }, recordOf({ reported: true }), { problem }, hourly, now)
    assert.equal(place.problem?.message, 'It ended.')
    assert.equal(place.problem?.turn, 'nobody')
  })

  it('gives a code that only newer daemons know to the administrators', () => {
    const { turn, means } = problemOf({ code: 'of-tomorrow', message: 'It broke.', action: 'Mend it.' })
    assert.equal(turn, 'administrators')
    assert.match(means, /newer/)
  })
})

describe('services', () => {
  const of = (record: TargetRecord) => servicesOf(knownOf({ ...allFresh, [keys.node2]: record }))

  it('stand as their worst place', () => {
    const [dune, nova] = servicesOf(knownOf(allFresh))
    assert.deepEqual([dune?.state, nova?.state], ['fresh', 'never'])
    assert.equal(of(failedWith('disk-full'))[0]?.state, 'failing')
  })

  it('come in the order in which they need somebody: the experiment, administrators, nobody, old, never, fresh', () => {
    const records = {
      fresh: doneAt(3),
      old: doneAt(-999),
      nobody: failedWith('connection-lost'),
      administrators: failedWith('disk-full'),
      experiment: failedWith('authentication-needed'),
    }
    const services = Object.entries(records).flatMap(([entry, record]) =>
      of(record)
        .slice(0, 1)
        .map((one) => ({ ...one, entry })),
    )
    const never = servicesOf(knownOf({})).slice(0, 1)
    assert.deepEqual(
      inOrder([...services, ...never]).map(({ entry }) => entry),
      ['experiment', 'administrators', 'nobody', 'old', 'dune_production', 'fresh'],
    )
  })

  it('say whose turn it is', () => {
    const words = (record: TargetRecord) => of(record).slice(0, 1).map(turnWords)[0]
    assert.equal(words(failedWith('authentication-needed')), 'Somebody of dune has to act')
    assert.match(words(failedWith('disk-full')) ?? '', /^Administrators have to act/)
    assert.equal(words(failedWith('connection-lost')), 'Nothing to do: it is tried again')
    assert.equal(words(doneAt(3)), '')
  })

  it('have a row that does not change when a token is renewed', () => {
    const row = (minutes: number) => {
      const renewed = doneAt(minutes, { expiry: at(7 * 24 * 60 + minutes) })
      const [dune] = servicesOf(
        knownOf({ [keys.token]: renewed, [keys.node1]: renewed, [keys.node2]: renewed }),
      )
      return dune && rowOf(dune, now)
    }
    assert.deepEqual(row(1), row(5))
    assert.equal(row(1)?.left, '6 days left')
  })

  it('are found by entry, account and node, and by their state', () => {
    const services = servicesOf(knownOf(allFresh))
    const found = (q: string, state: '' | 'never' = '') =>
      fleetOf(services, { q, state }).rows.map(({ entry }) => entry)
    assert.deepEqual(found('NODE2'), ['dune_production'])
    assert.deepEqual(found('novapro'), ['nova_production'])
    assert.deepEqual(found('', 'never'), ['nova_production'])
    assert.deepEqual(found('node2', 'never'), [])
  })

  it('come to one sentence', () => {
    const services = servicesOf(knownOf(allFresh))
    assert.equal(headlineOf(services).headline, '1 of 2 services never had a token yet')
    assert.equal(headlineOf(services.slice(0, 1)).headline, 'The only service is fresh')
    assert.equal(headlineOf([]).headline, 'No service is configured')
  })
})

describe('the page of an experiment', () => {
  it('shows the token, nodes and credds, each with words and the exact time', () => {
    const known = knownOf(allFresh, { credds: () => ['credd1.lab.example'] })
    const [block] = blocksOf(servicesOf(known).slice(0, 1), now)
    assert.deepEqual(
      block?.rows.map(({ kind, state, success }) => [kind, state, success?.words, success?.exact]),
      [
        ['token', 'fresh', '18 minutes ago', '2031-01-01 06:02:00 UTC'],
        ['node', 'fresh', '17 minutes ago', '2031-01-01 06:03:00 UTC'],
        ['node', 'fresh', '17 minutes ago', '2031-01-01 06:03:00 UTC'],
        ['credd', 'never', undefined, undefined],
      ],
    )
  })

  it('has what the token issuer knows under its name too', () => {
    assert.ok(isOf('dune', { experiment: 'dune-2', realExperiment: 'dune' }))
    assert.ok(isOf('dune-2', { experiment: 'dune-2', realExperiment: 'dune' }))
    assert.ok(!isOf('nova', { experiment: 'dune-2', realExperiment: 'dune' }))
  })
})

describe('how to use a token', () => {
  it('names the files of the vault token', () => {
    const { vault, bearers } = guideOf(entryOf(), undefined)
    assert.deepEqual(vault, ['/tmp/vt_u61234', '/tmp/vt_u61234-dune_production'])
    assert.deepEqual(bearers, [])
  })

  it('names those of bearer tokens, and says which one is found by itself', () => {
    const entry = entryOf(
      '',
      'deliver: [bearer: {scopes: [compute.read]}, bearer: {scopes: [storage.read:/d], purpose: data}]',
    )
    const { vault, bearers } = guideOf(entry, undefined)
    assert.deepEqual(vault, [])
    assert.deepEqual(
      bearers.map(({ file, isFound }) => [file, isFound]),
      [
        ['/tmp/bt_u61234', true],
        ['/tmp/bt_u61234-data', false],
      ],
    )
  })

  it('lets the shell say a UID that is not known yet', () => {
    const nova = siteOf().entries.find(({ name }) => name === 'nova_production')
    assert.equal(nova && guideOf(nova, undefined).vault[0], '/tmp/vt_u$(id -u)')
    assert.equal(nova && guideOf(nova, 99).vault[0], '/tmp/vt_u99')
  })
})

describe('times in words', () => {
  const minute = 60_000
  const cases: Record<string, [string, string]> = {
    'under a minute': [inWords(59_000), 'less than a minute'],
    'one minute': [inWords(minute), '1 minute'],
    'over an hour': [inWords(90 * minute), '90 minutes'],
    'two hours': [inWords(125 * minute), '2 hours'],
    'over a day': [inWords(47 * 60 * minute), '47 hours'],
    days: [inWords(6.9 * 24 * 60 * minute), '6 days'],
    'a moment ago': [ago(at(20), now), 'just now'],
    'what is still to come': [left(at(140), now), '2 hours left'],
    'what has ended': [left(at(-120), now), 'ended 2 hours ago'],
    exactly: [exact(at(20)), '2031-01-01 06:20:00 UTC'],
  }
  for (const [name, [words, expected]] of Object.entries(cases)) it(name, () => assert.equal(words, expected))
})

it('a badge is as wide as its words', () => {
  const badge = badgeOf('dune', 'failing')
  assert.equal(badge.label, 'dune tokens')
  assert.equal(badge.width, badge.labelWidth + badge.wordWidth)
})
