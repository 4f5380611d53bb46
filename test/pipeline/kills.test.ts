/** Every daemon killed at once in the middle of a run: it ends whole, and only what a dead one had in hand is done again. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { daemons } from '../../shared/contracts/subjects.ts'
import { useHeldSite } from '../support/held-site.ts'
import { dune, duneOnce, mu2e, mu2eOnce, node1, node2, plainEntries } from '../support/held-work.ts'
import { isGone } from '../support/processes.ts'

describe('a run survives', { timeout: 170_000 }, () => {
  const at = useHeldSite({ entries: plainEntries, holdSsh: true })

  it('the refresher, the storer, the distributor and the notifier, each killed at its work', async () => {
    const points = [`htgettoken:${mu2e}`, `condor_vault_storer:${dune}`, `ssh:${node1}`]
    at.stopAt(...points)
    const { run } = await at.pipe.startRun({ services: [dune, mu2e] })
    const [login, store, ssh] = (await Promise.all(points.map(at.isHeld))) as [number, number, number]
    await at.pipe.facts.until(
      'the other node has its token',
      ({ body }) => body.run === run && body.entry === dune && body.node === node2,
    )
    await Promise.all(daemons.map((daemon) => at.pipe.killAndAwait(daemon, 'SIGKILL')))
    await isGone(ssh)
    at.letAllGo()
    const work = await at.endOf(run, [dune, mu2e])
    assert.deepEqual(work, {
      ...{ ...duneOnce, ...mu2eOnce },
      ...{ 'refresh mu2e_production': 2, 'store dune_production credd1': 2 },
    })
    for (const orphan of [login, store]) await isGone(orphan)
  })
})
