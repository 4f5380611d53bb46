/** Tickets that outlive their use: servers with new keys, and ticket files that somebody took away, under daemons that keep running. */
import assert from 'node:assert/strict'
import { readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { readCalls } from '../../sandbox/calls.ts'
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { entryName } from '../../sandbox/entry.ts'
import { writeFaults } from '../../sandbox/faults.ts'
import { assertNoMisuse } from '../support/site-ends.ts'
import { usePipeline } from '../support/use-pipeline.ts'

const node = 'sharedgpvm01.sandbox.test'
const entries = defaultEntries.filter((entry) =>
  ['mu2e_production', 'nova_analysis'].includes(entryName(entry)),
)
const revoked = { 'vault-tokens-revoked': ['mu2e_production', 'nova_analysis'] }

describe('a ticket that is of no use any more', { timeout: 400_000 }, () => {
  // Over a connection that is open nobody looks at a ticket.
  const at = usePipeline(() => ({ entries, settings: { distributor: { controlMaster: false } } }))
  before(async () => assert.deepEqual(await run(), []))

  /** What failed, one word each. */
  async function run(): Promise<string[]> {
    const { run: id } = await at.pipe.startRun()
    const { entries: rows } = await at.pipe.finish(id)
    return rows.flatMap(({ entry, refresh, targets }) => [
      ...(refresh.code ? [`${entry} ${refresh.code}`] : []),
      ...targets.flatMap(({ name, code }) => (code ? [`${entry} ${name} ${code}`] : [])),
    ])
  }
  const tickets = (daemon: string) => {
    const directory = join(at.pipe.site.layout.state, daemon, 'tickets')
    return readdirSync(directory).map((name) => join(directory, name))
  }

  it('at a node whose keys were changed: the push is made with a new one', async () => {
    await at.pipe.site.rekey(node)
    assert.deepEqual(await run(), [])
  })

  it('at a Vault whose keys were changed: refresher and storer log in with a new one', async () => {
    await at.pipe.site.rekey('vault')
    writeFaults(at.dir, revoked)
    assert.deepEqual(await run(), [])
    writeFaults(at.dir, {})
  })

  const damages: Record<string, (file: string) => void> = {
    'taken away': (file) => rmSync(file),
    'cut short': (file) => truncateSync(file, 40),
    'overwritten with rubbish': (file) => writeFileSync(file, 'rubbish'),
  }
  for (const [how, damage] of Object.entries(damages))
    it(`because its file was ${how}: it is made anew`, async () => {
      for (const daemon of ['refresher', 'storer', 'distributor']) {
        const files = tickets(daemon)
        assert.ok(files.length > 0, daemon)
        for (const file of files) damage(file)
      }
      writeFaults(at.dir, revoked)
      assert.deepEqual(await run(), [])
      writeFaults(at.dir, {})
    })

  it('to a Vault that goes on refusing: asked twice and no more, and Vault is told as the cause', async () => {
    rmSync(join(at.pipe.site.layout.state, 'refresher', 'tokens'), { recursive: true })
    writeFaults(at.dir, { 'ticket-refused': ['nova_analysis'] })
    const calls = () =>
      readCalls(at.dir).filter(
        ({ program, service }) => program === 'htgettoken' && service === 'nova_analysis',
      )
    const before = calls().length
    const { run: id } = await at.pipe.startRun({ services: ['nova_analysis'] })
    await at.pipe.finish(id)
    assert.equal(calls().length - before, 2)
    const [failed] = (await at.pipe.storedFacts(id)).filter(({ subject }) =>
      subject.startsWith('token.failed.'),
    )
    assert.deepEqual([failed?.body.code, failed?.body.causeName], ['vault-login-refused', 'localhost'])
    writeFaults(at.dir, {})
  })

  it('and no program was used in a way that it must not be', () => assertNoMisuse({ dir: at.dir }))
})
