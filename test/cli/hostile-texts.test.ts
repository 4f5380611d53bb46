/** Whatever the daemons, or who speaks in their place, say: a terminal gets lines of letters, and a program gets JSON. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { renderFinding } from '../../cli/doctor/doctor.ts'
import { renderRun } from '../../cli/runs/run-table.ts'
import { renderServices } from '../../cli/services.ts'
import { forTerminal } from '../../cli/terminal/guard-output.ts'
import { showProgress } from '../../cli/terminal/progress.ts'
import { viewOf } from '../../cli/terminal/terminal.ts'
import type { Bus } from '../../shared/bus/connect.ts'
import { cleanTexts } from '../../shared/contracts/one-sentence.ts'
import { startTestNats, type TestNats } from '../support/nats.ts'

const main = join(import.meta.dirname, '../../cli/main.ts')
const [run, at] = ['01M807BSWR0HWDV48S3AWYY3GA', '2026-03-01T12:00:00.000Z']

/** What clears screens, sets titles, asks terminals for answers, goes back in the line, hides and turns text around. */
const pieces = [
  '\u001b[2J',
  '\u001b]0;owned\u0007',
  '\u001b]52;c;b3duZWQ=\u0007',
  '\u001bP+q544e\u001b\\',
  '\u001b[6n',
  '\u009b31m',
  '\u009d0;x\u009c',
  '\r',
  '\n',
  '\u0000',
  '\u0008',
  '\u007f',
  '\u202e',
  '\u2066',
  '\u200f',
  '\u061c',
  '\ufeff',
  '\u2028',
  '\u{e0041}',
  '\ud800',
  '\udc00',
  'done',
  ' ',
  '[',
  '"',
  '\\',
  '\\u001b',
  'é',
  '😀',
  'x'.repeat(60_000),
]
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary' })), { maxLength: 8 })
  .map((some) => some.join(''))

// biome-ignore lint/suspicious/noControlCharactersInRegex: the colours of terminal.ts
const ours = /\u001b\[(?:[12]|22|3[1-39])m/g
/** Fails where a terminal would obey something in the text that is not ours. */
const assertNothingObeyed = (shown: string) =>
  assert.doesNotMatch(shown.replace(ours, '').replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Cs}]/u)

/** The same, and where a line is longer than a person reads. */
function assertHarmless(shown: string): void {
  assertNothingObeyed(shown)
  for (const line of shown.split('\n')) assert.ok(line.length < 20_000, `a line of ${line.length}`)
}

const ending = (said: string) => ({ state: 'failed', at: said, code: said, message: said, action: said })
const statusSaying = (said: string) => ({
  ...{
    run: said,
    started: at,
    deadline: at,
    finished: at,
    totals: { done: 0, failed: 1, superseded: 0, unfinished: 0 },
  },
  ...{ waiting: 0, page: 1, pages: 1 },
  entries: [
    {
      run,
      entry: said,
      service: said,
      refresh: ending(said),
      targets: [{ kind: 'node', name: said, ...ending(said) }],
    },
  ],
})
const servicesSaying = (said: string) => ({
  page: 1,
  pages: 1,
  services: [
    {
      ...{
        entry: said,
        service: `${said}.`,
        account: said,
        uid: 1,
        nodes: [said],
        credds: [said],
        failing: [said],
      },
      ...{ stored: [{ credd: said, lastSuccess: at, expiry: said }], lastSuccess: at, tokenExpiry: said },
    },
  ],
})
const newsSaying = (said: string) => [
  { kind: 'ready', body: { run, at, entry: said, reused: true, left: said } },
  { kind: 'stored', body: { run, at, entry: said, credd: said } },
  { kind: 'pushed', body: { run, at, entry: said, node: said, warning: said } },
  { kind: 'failed', body: { run, at, entry: said, message: said, code: said } },
]

describe('what somebody hostile says', () => {
  const views = [
    viewOf({ isTTY: false }),
    viewOf({ isTTY: true, columns: 60 }, {}),
    viewOf({ isTTY: true, columns: 400 }, {}),
  ]
  const renderers: Readonly<Record<string, (said: string, view: (typeof views)[number]) => string>> = {
    'the table of a run': (said, view) => renderRun(cleanTexts(statusSaying(said)) as never, view),
    'the list of services': (said, view) =>
      renderServices(cleanTexts(servicesSaying(said)).services, 0, view),
    'the lines of the doctor': (said, view) =>
      renderFinding(cleanTexts({ state: 'problem', about: said, says: said, fix: said }), view),
    'the progress of a run': (said, { columns }) => {
      const written: string[] = []
      const progress = showProgress(
        { isTTY: Number.isFinite(columns), columns, write: (line: string) => written.push(line) },
        0,
      )
      for (const one of cleanTexts(newsSaying(said))) progress.news(one as never)
      return written.join('').replaceAll('\r\u001b[K', '\n')
    },
  }
  for (const [what, render] of Object.entries(renderers))
    it(`makes ${what} neither obeyed nor longer`, () => {
      const linesOf = (said: string, view: (typeof views)[number]) => render(said, view).split('\n').length
      fc.assert(
        fc.property(hostile, fc.constantFrom(...views), (said, view) => {
          assertHarmless(forTerminal(render(said, view)))
          const word = cleanTexts(said)
          assert.equal(linesOf(said, view), linesOf(word, view), 'it makes no line of its own')
        }),
        { numRuns: 40 },
      )
    })

  it('stays the same where JSON is asked for', () => {
    fc.assert(
      fc.property(hostile, (said) => {
        const shown = forTerminal(`${JSON.stringify({ said })}\n`)
        assertNothingObeyed(shown)
        assert.deepEqual(JSON.parse(shown), { said: said })
      }),
    )
  })
})

describe('a command asking somebody hostile', { timeout: 300_000 }, () => {
  let nats: TestNats
  let impostors: Bus[]
  const said = pieces.join('')
  const answers = {
    refresher: { run: { run, entries: [said], joined: { [said]: said } }, services: servicesSaying(said) },
    notifier: { status: statusSaying(said) },
  }

  before(async () => {
    nats = await startTestNats()
    const [refresher, notifier] = await Promise.all([nats.connect('refresher'), nats.connect('notifier')])
    impostors = [refresher, notifier]
    const answer = (bus: Bus, subject: string, body: object) =>
      bus.nc.subscribe(subject, { callback: (_error, message) => void message.respond(JSON.stringify(body)) })
    answer(refresher, 'managed-tokens.run', answers.refresher.run)
    answer(refresher, 'managed-tokens.services', answers.refresher.services)
    answer(refresher, 'managed-tokens.uids.refresh', { error: { code: said, message: said } })
    answer(notifier, 'managed-tokens.status', answers.notifier.status)
    await Promise.all(impostors.map(({ nc }) => nc.flush()))
  })
  after(async () => {
    for (const bus of impostors) await bus[Symbol.asyncDispose]()
    await nats[Symbol.asyncDispose]()
  })

  async function type(words: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    const child = spawn(process.execPath, [main, ...words, '--nats', nats.url, '--state', nats.stateRoot], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
    return { stdout, stderr }
  }

  // A shell can hand over anything but a NUL.
  const typed = said.replaceAll('\0', '')
  const commands: Readonly<Record<string, readonly string[]>> = {
    run: ['run'],
    status: ['status'],
    services: ['services'],
    'uids refresh, which is refused': ['uids', 'refresh'],
    'explain, of an odd service': ['explain', typed],
    'run, with an odd option': ['run', '--service', typed],
    'an odd command': [typed],
  }
  for (const [what, words] of Object.entries(commands))
    it(`shows nothing that a terminal obeys: ${what}`, async () => {
      const people = await type(words)
      assert.ok(`${people.stdout}${people.stderr}`.length > 20)
      assertNothingObeyed(`${people.stdout}${people.stderr}`)
      const programs = await type([...words, '--json'])
      assertNothingObeyed(`${programs.stdout}${programs.stderr}`)
      assert.equal(typeof JSON.parse(programs.stdout), 'object')
    })
})
