import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Warned } from '../../../../services/notifier/failures/warning-store.ts'
import {
  decideWarning,
  ended,
  entryOfTarget,
  type KeptTarget,
  urgencyOf,
} from '../../../../services/notifier/watch/expiring.ts'
import { pushSubject, storeSubject } from '../../../../shared/contracts/subjects.ts'
import type { TargetRecord } from '../../../../shared/work/target-record.ts'
import { at, dune, runIds, siteOf } from '../../build.ts'

const hour = 60
const day = 24 * hour
const dayMs = day * 60_000
const now = new Date(at(10 * day))
const settings = { periodMs: hour * 60_000, warnBeforeMs: 2 * dayMs }
/** A target whose token has so many minutes left, replaced so many minutes ago. */
const target = (left: number, ago: number, isFailing = false): KeptTarget => ({
  key: pushSubject(dune, 'node1.lab.example'),
  record: {
    ...{ entry: dune.entry, target: 'node1.lab.example', run: runIds[0], holder: 'h', attempts: 1 },
    ...{ lastAttempt: at(10 * day - ago), lastSuccess: at(10 * day - ago), expiry: at(10 * day + left) },
  },
  isFailing,
})
const warnedOf = (urgency: number, left: number): Warned => ({
  expiry: at(10 * day + left),
  urgency,
  since: at(0),
})
const decide = (one: KeptTarget, before?: Warned) => decideWarning(one, before, settings, now).kind

describe('how urgent the end of a token is', () => {
  const table: [left: number, urgency: number][] = [
    [3 * day, 0],
    [2 * day, 1],
    [day + 1, 1],
    [day, 2],
    [12 * hour, 3],
    [6 * hour, 4],
    [3 * hour, 5],
    [1.5 * hour, 6],
    [10, 6],
    [0, ended],
    [-5, ended],
  ]
  for (const [left, urgency] of table)
    it(`is ${urgency} with ${left} minutes left of two days`, () =>
      assert.equal(urgencyOf(left * 60_000, 2 * dayMs), urgency))
})

describe('people are warned of a token', () => {
  const table: Record<string, [KeptTarget, Warned | undefined, 'warn' | 'nothing' | 'over']> = {
    'that ends soon and was not replaced of late': [target(day + 1, 5 * day), undefined, 'warn'],
    'that ends soon while its refreshes fail': [target(day + 1, hour, true), undefined, 'warn'],
    'again when half of that is left': [target(day, 5 * day), warnedOf(1, day), 'warn'],
    'when it has ended': [target(-1, 5 * day), warnedOf(6, -1), 'warn'],
    'not twice for the same': [target(day + 1, 5 * day), warnedOf(1, day + 1), 'nothing'],
    'not again after its end': [target(-hour, 5 * day), warnedOf(ended, -hour), 'nothing'],
    'not while it lives long': [target(3 * day, 5 * day, true), undefined, 'nothing'],
    'not while it is replaced in every run, however short its life': [
      target(hour, hour),
      undefined,
      'nothing',
    ],
    'no more once it was replaced': [target(6 * day, 1), warnedOf(3, hour), 'over'],
  }
  for (const [what, [one, before, expected]] of Object.entries(table))
    it(what, () => assert.equal(decide(one, before), expected))

  it('from its beginning on, halving by halving, until its end and never again: seven times in two days', () => {
    let before: Warned | undefined
    const told: number[] = []
    for (let left = 3 * day; left > -day; left -= 10) {
      const decision = decideWarning(
        target(0, 0, true),
        before,
        settings,
        new Date(now.getTime() - left * 60_000),
      )
      if (decision.kind !== 'warn') continue
      before = decision.warned
      told.push(left)
    }
    assert.deepEqual(told, [2 * day, day, 12 * hour, 6 * hour, 3 * hour, 1.5 * hour, 0])
  })
  it('that somebody else has replaced once a day is replaced, where there is no schedule', () => {
    const daily = { ...settings, periodMs: undefined }
    assert.equal(decideWarning(target(hour, 23 * hour), undefined, daily, now).kind, 'nothing')
    assert.equal(decideWarning(target(hour, 25 * hour), undefined, daily, now).kind, 'warn')
  })
})

describe('nobody is warned', () => {
  const record = (name: string): TargetRecord => ({ ...target(1, 1).record, target: name })
  const isKnown = (key: string, name: string, credds?: string[], role = '') =>
    entryOfTarget({ key, record: record(name) }, siteOf('', role), credds) !== undefined
  const table: Record<string, boolean> = {
    'of a node that is not configured any more': isKnown(pushSubject(dune, 'old'), 'old'),
    'of a credd that the collector does not name any more': isKnown(storeSubject(dune, 'c1'), 'c1', ['c2']),
    'of the credds of a role that has none any more': isKnown(
      storeSubject(dune, 'c1'),
      'c1',
      undefined,
      'tokenGetterOverride: getToken',
    ),
  }
  for (const [what, known] of Object.entries(table)) it(what, () => assert.equal(known, false))
  it('but of what is, and of a credd of which nothing better is known', () => {
    assert.ok(isKnown(pushSubject(dune, 'node1.lab.example'), 'node1.lab.example'))
    assert.ok(isKnown(storeSubject(dune, 'c1'), 'c1'))
  })
})
