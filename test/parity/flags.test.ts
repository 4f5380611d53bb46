/** The predecessor's flags, and what of them reaches the daemons. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { requests } from '../../shared/contracts/subjects.ts'
import { siteText } from '../shared/config/site-text.ts'
import { startTestNats, type TestNats } from '../support/nats.ts'
import { type } from '../support/terminal.ts'

const everything = { push: true, notify: true }
const cases: Readonly<Record<string, object>> = {
  '': everything,
  '-e dune': { ...everything, experiment: 'dune' },
  '--experiment dune': { ...everything, experiment: 'dune' },
  '-s dune_production': { ...everything, services: ['dune_production'] },
  '--service dune_production --service mu2e_production': {
    ...everything,
    services: ['dune_production', 'mu2e_production'],
  },
  '-s DUNE_Production': { ...everything, services: ['dune_production'] },
  '-s nova': { ...everything, services: ['nova_analysis'] },
  '-t': { ...everything, push: false },
  '--test -s dune_production': { push: false, notify: true, services: ['dune_production'] },
  '--no-push': { ...everything, push: false },
  '--disable-notifications': { ...everything, notify: false },
  '--dont-notify': { ...everything, notify: false },
}

describe('flags of the predecessor', () => {
  const stack = new AsyncDisposableStack()
  let nats: TestNats
  let asked: unknown
  before(async () => {
    nats = stack.use(await startTestNats())
    const refresher = stack.use(await nats.connect('refresher'))
    refresher.nc.subscribe(requests.run, {
      callback(_error, message) {
        asked = message.json()
        message.respond(JSON.stringify({ run: '01J0000000000000000000000A', entries: ['x_y'], joined: {} }))
      },
    })
    await refresher.nc.flush()
  })
  after(() => stack.disposeAsync())

  for (const [flags, body] of Object.entries(cases))
    it(`run ${flags} asks for ${JSON.stringify(body)}`, async () => {
      asked = undefined
      const words = ['run', ...flags.split(' ').filter(Boolean), '--state', nats.stateRoot]
      const { exit, stderr } = await type([...words, '--nats', nats.url])
      assert.equal(exit, 0, stderr)
      const { by, ...said } = asked as unknown as { by?: unknown }
      assert.deepEqual(said, body)
      assert.deepEqual(by, { user: 'operator', host: hostname(), person: userInfo().username })
    })

  it('--list-services prints the names of the file that -c gives, one a line, and asks nobody', async () => {
    const file = join(nats.stateRoot, 'managedTokens.yml')
    writeFileSync(file, siteText())
    for (const config of ['-c', '--config'])
      assert.deepEqual(await type(['run', '--list-services', config, file]), {
        ...{ exit: 0, stdout: 'dune_production\n', stderr: '' },
      })
  })

  it('--version prints the version', async () => {
    assert.match((await type(['--version'])).stdout, /^\d+\.\d+\.\d+(\+[0-9a-f]{12})?\n$/)
  })
})
