/** What the soak takes for told once: it has to see what is told twice, not at all, or without a beginning. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NewsRow } from '../../../shared/contracts/messages.ts'
import { type Hearing, judgeTold } from './judge-told.ts'
import type { Told } from './world.ts'

const row = (kind: NewsRow['kind'], entry: string, more: Partial<NewsRow> = {}): NewsRow => ({
  ...{ kind, entry, where: 'node', name: 'node1', headline: '', message: '', action: '' },
  ...more,
})
const post = (id: string, run: string, ...news: NewsRow[]): Told => ({
  ...{ id, run, at: '', subject: '', news },
})
const about = { entry: 'dune', service: 'dune', where: 'node', name: 'node1' } as const
const ofCause = { affected: { things: [about], total: 1, entries: ['dune'], nodes: [], credds: [] } }
const failing = post('1', 'R1', row('failure', 'dune', { code: 'x' }))
const over = post('2', 'R2', row('recovered', 'dune'))

const cases: Record<string, { readonly hearing: Partial<Hearing>; readonly found?: RegExp }> = {
  'a failure and its end are well': { hearing: { told: [failing, over] } },
  'so is a failure that is told as its cause’s': {
    hearing: { told: [post('1', 'R1', row('failure', '', ofCause)), over], failed: [about] },
  },
  'a failure of the next run is told anew': {
    hearing: {
      told: [failing, post('3', 'R2', row('failure', 'dune', { code: 'x' })), post('4', 'R3', ...over.news)],
    },
  },
  'twice of one run is once too often': {
    hearing: { told: [failing, { ...failing, id: '3' }, over] },
    found: /told twice of one run: dune node node1/,
  },
  'a message that comes twice is': {
    hearing: { told: [failing, failing, over] },
    found: /1 messages came twice/,
  },
  'unless its sender was disturbed': { hearing: { told: [failing, failing, over], mayRepeat: 1 } },
  'what is over before anybody heard of it is told as over alone': {
    hearing: { told: [over], failed: [about] },
  },
  'an end that is told twice is': {
    hearing: { told: [over, post('3', 'R3', ...over.news)] },
    found: /told twice that it is over/,
  },
  'what waits for a token that is not made goes on as that': {
    hearing: {
      told: [
        failing,
        post('2', 'R2', row('failure', 'dune', { where: 'refresh', name: 'dune', code: 'y' })),
        post('3', 'R3', row('recovered', 'dune', { where: 'refresh', name: 'dune' })),
      ],
    },
  },
  'a failure that works again has an end': {
    hearing: { told: [failing] },
    found: /nobody was told that it is over/,
  },
  'unless it is no more wanted': { hearing: { told: [failing], wanted: [] } },
  'what fails by the same cause and is left out of a later message is over': {
    hearing: {
      told: [
        post('1', 'R1', row('failure', '', { ...ofCause, cause: { kind: 'node', name: 'n' } })),
        post('2', 'R2', row('failure', 'mu2e', { cause: { kind: 'node', name: 'n' } })),
      ],
    },
  },
  'what is revoked is told by itself': {
    hearing: { told: [failing, { ...post('2', 'R2'), subject: 'managed-tokens: dune revoked' }] },
  },
  'what has failed is told': { hearing: { failed: [about] }, found: /nobody was told that it failed/ },
  'a memory that was lost is not held against anybody': {
    hearing: { told: [over], failed: [about], remembers: false },
  },
}

describe('of what people were told', () => {
  for (const [name, { hearing, found }] of Object.entries(cases))
    it(name, () => {
      const whole = { told: [], mayRepeat: 0, failed: [], remembers: true, wanted: ['dune'], ...hearing }
      const problems = judgeTold(whole)
      if (found) assert.match(problems.join(), found)
      else assert.deepEqual(problems, [])
    })
})
