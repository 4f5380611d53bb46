import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { News } from '../../../../services/notifier/news/news.ts'
import type { Site } from '../../../../shared/config/site.ts'
import type { NewsKind } from '../../../../shared/contracts/messages.ts'
import { at, runIds, siteOf } from '../../build.ts'
import { digestsOf, piece, recipients } from '../pieces.ts'

const news = [
  piece('dune_production', 'node', 'node1'),
  piece('dune_production', 'credd', 'credd1'),
  piece('nova_production', 'refresh', 'nova_production'),
  piece('nova_production', 'node', 'node1'),
]
const digests = (extra = recipients, role = '', told: readonly News[] = news) =>
  digestsOf(told, siteOf(extra, role))
const who = (messages: ReturnType<typeof digests>) => messages.map(({ channel, to }) => `${channel} ${to}`)
const textTo = (to: string, messages = digests()) => messages.find((message) => message.to === to)?.text ?? ''

describe('who is told', () => {
  it('is everybody concerned, once each', () => {
    assert.deepEqual(who(digests()), [
      'slack admin',
      'email admin@lab.example',
      'email dune@lab.example',
      'email nova@lab.example',
    ])
    assert.equal(new Set(digests().map(({ id }) => id)).size, 4)
  })
  it('is the test’s people alone of a test', () => {
    const tests = news.map((one) => ({ ...one, isTest: true }))
    assert.deepEqual(who(digests(recipients, '', tests)), ['slack admin_test', 'email tester@lab.example'])
  })
  const nobody: Record<string, () => ReturnType<typeof digests>> = {
    'when there is no news': () => digests(recipients, '', []),
    'where notifications are off for all': () => digests(`disableNotifications: true\n${recipients}`),
    'of a muted entry': () => digests(recipients, 'disableNotificationsOverride: true', news.slice(0, 2)),
  }
  for (const [when, compose] of Object.entries(nobody))
    it(`is nobody ${when}`, () => assert.deepEqual(compose(), []))

  it('leaves a muted entry out of everybody’s digest', () => {
    const messages = digests(recipients, 'disableNotificationsOverride: true')
    assert.deepEqual(who(messages), ['slack admin', 'email admin@lab.example', 'email nova@lab.example'])
    assert.ok(messages.every(({ text, html = '' }) => !text.includes('dune') && !html.includes('dune')))
  })
  it('is a stakeholder who is an administrator too just once', () => {
    const both = recipients.replace('[admin@lab.example]', '[dune@lab.example]')
    assert.equal(who(digests(both)).filter((one) => one === 'email dune@lab.example').length, 1)
  })
  it('hears as a stakeholder of one’s own nodes only, as an administrator of everything', () => {
    const dune = textTo('dune@lab.example')
    assert.match(dune, /^dune_production: token not on node1 since 06:00 UTC \(1 run\)\n/)
    assert.doesNotMatch(dune, /credd1|nova/)
    for (const word of ['node1', 'credd1', 'nova_production: no token'])
      assert.ok(textTo('admin@lab.example').includes(word))
  })
  it('has the same ids when the same batch is composed again', () => {
    assert.deepEqual(
      digests().map(({ id }) => id),
      digests().map(({ id }) => id),
    )
  })
  it('hears on an experiment’s own Slack what its stakeholders hear, and no URL is in any message', () => {
    const site: Site = { ...siteOf(recipients), experimentSlack: { dune: 'https://hooks.lab.example/dune' } }
    const messages = digestsOf(news, site)
    assert.equal(textTo('experiment:dune', messages), textTo('dune@lab.example', messages))
    assert.doesNotMatch(JSON.stringify(messages), /hooks\.lab/)
  })
})

describe('what stakeholders hear', () => {
  const heard = (
    kind: NewsKind,
    stakeholders: string,
    where: News['where'] = 'node',
    ends?: readonly NewsKind[],
  ) => {
    const extra = `notifications: { admin_email: [admin@lab.example]${stakeholders && `, stakeholders: ${stakeholders}`} }`
    const one = piece('dune_production', where, 'n', {
      kind,
      expiry: at(60),
      ...(ends && { ends: [...ends] }),
    })
    return who(digests(extra, '', [one])).includes('email dune@lab.example')
  }
  const over = (stakeholders: string, where: News['where'], ...ends: NewsKind[]) =>
    heard('recovered', stakeholders, where, ends)
  const table: Record<string, boolean> = {
    'a node that got nothing': heard('failure', '[]'),
    'a credd that got nothing, unless they are to': !heard('failure', '', 'credd'),
    'a credd that got nothing, where they are to': heard('failure', '[failure]', 'credd'),
    'a token about to end': heard('expiring', ''),
    'a token about to end, unless they are not to': !heard('expiring', '[]'),
    'that a node works again': over('', 'node', 'failure'),
    'that a node works again, unless they are not to': !over('[failure]', 'node', 'failure'),
    'that a credd works again, where they heard that it did not': over(
      '[failure, recovered]',
      'credd',
      'failure',
    ),
    'that a credd works again, not where they never heard of it': !over('', 'credd', 'failure'),
    'that a token in a credd is replaced, where they were warned': over('', 'credd', 'expiring'),
    'that a token in a credd is replaced, where they were warned and others heard of failures': over(
      '',
      'credd',
      'failure',
      'expiring',
    ),
    'that a token is replaced, not where they were not warned': !over('[recovered]', 'node', 'expiring'),
    'that somebody has logged in, where they were asked to': over(
      '[authentication, expiring, recovered]',
      'refresh',
      'authentication',
    ),
    'that somebody has logged in, not where they were never asked': !over('', 'refresh', 'authentication'),
    'that tokens are made again, not where they were only to hear of logins': !over(
      '[authentication, recovered]',
      'refresh',
      'failure',
    ),
    'that a login is needed, where they are to': heard('authentication', '[authentication]', 'refresh'),
    'that a login is needed, unless they are to': !heard('authentication', '', 'refresh'),
  }
  for (const [what, isSo] of Object.entries(table)) it(`is ${what}`, () => assert.ok(isSo))

  it('is silence too, where they are to: it concerns everybody, and nobody twice', () => {
    const extra = 'notifications: { stakeholders: [silence] }'
    const silence = piece(undefined, undefined, '', { kind: 'silence' })
    assert.deepEqual(who(digests(extra, '', [silence])), ['email dune@lab.example', 'email nova@lab.example'])
    const over: News = { ...silence, kind: 'recovered', ends: ['silence'] }
    assert.deepEqual(
      who(digests(extra.replace(']', ', recovered]'), '', [over])),
      who(digests(extra, '', [silence])),
    )
    assert.deepEqual(who(digests(recipients.replace('admin@lab', 'dune@lab'), '', [over])), [
      'slack admin',
      'email dune@lab.example',
    ])
  })
})

describe('the subject', () => {
  const subject = (told: readonly News[]) =>
    digests(recipients, '', told).find(({ to }) => to === 'admin@lab.example')?.subject
  const [one] = news as [News]
  const of = (kind: NewsKind, more: Partial<News> = {}) => [{ ...one, kind, ...more }]
  const table: Record<string, [readonly News[], string]> = {
    'says the one thing there is': [[one], 'dune_production: token not on node1 since 06:00 UTC (1 run)'],
    'says the day where it is not today': [
      [{ ...one, since: '2030-12-31T06:58:00Z', runs: 24 }],
      'dune_production: token not on node1 since 2030-12-31 06:58 UTC (24 runs)',
    ],
    'counts the rest of one entry': [
      news.slice(0, 1).concat(piece('dune_production', 'node', 'node2')),
      'dune_production: token not on node1 since 06:00 UTC (1 run) and 1 more',
    ],
    'counts services otherwise': [
      news,
      'managed-tokens: 4 failures in 2 services: dune_production, nova_production',
    ],
    'counts each kind': [
      [one, ...of('recovered', { name: 'n2' }), piece('nova_production', 'node', 'node1')],
      'managed-tokens: 2 failures, 1 recovered in 2 services: dune_production, nova_production',
    ],
    'says that somebody has to log in': [
      of('authentication', { where: 'refresh' }),
      'dune_production: no token since 06:00 UTC (1 run): somebody has to log in',
    ],
    'says how long a token still lives': [
      of('expiring', { expiry: at(6 + 23 * 60) }),
      'dune_production: token on node1 ends in 23h, at 2031-01-02 05:06 UTC, and is not replaced',
    ],
    'says that a token has ended': [
      of('expiring', { where: 'credd', name: 'credd1', expiry: at(5) }),
      'dune_production: token in credd1 has ended at 06:05 UTC',
    ],
    'says how long it was out': [
      of('recovered', { since: at(0), at: at(182), runs: 3 }),
      'dune_production: token on node1 again after 3h2m (3 runs)',
    ],
    'says that nothing has happened': [
      [piece(undefined, undefined, '', { kind: 'silence', since: at(0) })],
      'managed-tokens: no run has finished since 06:00 UTC',
    ],
    'says that runs finish again': [
      [
        piece(undefined, undefined, '', {
          kind: 'recovered',
          since: at(0),
          at: at(60 * 30),
          runs: undefined,
        }),
      ],
      'managed-tokens: runs finish again after 1d6h',
    ],
  }
  for (const [what, [told, expected]] of Object.entries(table))
    it(what, () => assert.equal(subject(told), expected))

  it('says of a test that it is one, and Slack alone that it went well', () => {
    const done = piece(undefined, undefined, '', { kind: 'completed', isTest: true })
    const messages = digests(recipients, '', [done])
    assert.deepEqual(who(messages), ['slack admin_test'])
    assert.equal(messages[0]?.subject, '[test] managed-tokens: Test run completed successfully')
  })
})

describe('news of many runs told as one', () => {
  const inRun = (index: number, more: Partial<News> = {}) =>
    piece('dune_production', 'node', 'node1', {
      ...{ run: `01J000000000000000000000${10 + index}`, at: at(60 * index), runs: index + 1, ...more },
    })
  const over = (index: number) => inRun(index, { kind: 'recovered', since: at(0), runs: index })
  const told = (...all: News[]) =>
    digestsOf(all)
      .find(({ to }) => to === 'admin@lab.example')
      ?.rows?.map(({ headline }) => headline.replace('dune_production: token ', ''))
  it('says how it stands now', () => {
    assert.deepEqual(told(inRun(0), inRun(1), inRun(5)), ['not on node1 since 06:00 UTC (6 runs)'])
  })
  it('says of a failure that is over what it was', () => {
    assert.deepEqual(told(inRun(0), inRun(1), over(2)), ['on node1 again after 2h (2 runs)'])
  })
  it('says of what failed, worked and fails again both', () => {
    assert.deepEqual(told(over(2), inRun(0), inRun(4, { since: at(240), runs: 1 })), [
      'not on node1 since 10:00 UTC (1 run)',
      'on node1 again after 2h (2 runs)',
    ])
  })
  it('says from which run to which', () => {
    assert.match(
      textTo('dune@lab.example', digestsOf([inRun(0), inRun(5, { name: 'node2' })])),
      /Runs 01J00000000000000000000010 to 01J00000000000000000000015 \(2\)\./,
    )
  })
})

describe('a digest', () => {
  it('has the service as its thread where it is about one', () => {
    const threads = digests().map(({ to, thread }) => [to, thread])
    assert.deepEqual(threads, [
      ['admin', undefined],
      ['admin@lab.example', undefined],
      ['dune@lab.example', 'dune_production'],
      ['nova@lab.example', 'nova_production'],
    ])
  })
  it('links to the trace of its run, where the site has such pages', () => {
    const extra = `${recipients}\nnotifier: { traceLink: "https://traces.lab.example/{{.TraceID}}?a&b" }`
    const url = 'https://traces.lab.example/00ff?a&b'
    for (const { text, html, traceUrl } of digests(extra, '', [{ ...(news[0] as News), traceId: '00ff' }])) {
      assert.equal(traceUrl, url)
      assert.ok(text.includes(url))
      if (html) assert.ok(html.includes('href="https://traces.lab.example/00ff?a&amp;b"'))
    }
    assert.ok(digests(extra).every(({ traceUrl }) => traceUrl === undefined))
  })
  it('names the run, and how to read it', () => {
    for (const { text, run } of digests()) {
      assert.equal(run, runIds[0])
      assert.ok(text.includes(`managed-tokens status --run ${run}`))
    }
  })
  it('of ten thousand failures fits into one message of the bus, and counts what it does not show', () => {
    const many = Array.from({ length: 10_000 }, (_, i) =>
      piece(`e${i % 500}_production`, 'node', `node${i}.lab.example`, { message: '&'.repeat(200) }),
    )
    const messages = digestsOf(many)
    assert.equal(messages.length, 2)
    for (const message of messages) {
      assert.ok(Buffer.byteLength(JSON.stringify(message)) < 1024 * 1024)
      const shown = message.text.match(/token not on/g)?.length ?? 0
      assert.ok(shown >= (message.channel === 'email' ? 200 : 100))
      assert.equal(shown + (message.more ?? 0), 10_000)
    }
    assert.ok(messages[1]?.text.includes(`… and ${messages[1].more} more.\nRun `))
  })
  it('of a thousand failures shows all of them in a mail', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => piece('dune_production', 'node', `node${i}`))
    const [slack, mail] = digestsOf(many)
    assert.equal(mail?.html?.match(/<tr>/g)?.length, 1_001)
    assert.deepEqual([mail?.more, slack?.more], [undefined, 900])
  })
})
