/** Revocations that meet what is under way, what is away, and what is not ours. */
import assert from 'node:assert/strict'
import {
  chownSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse, stringify } from 'yaml'
import { ask, connectAs } from '../../cli/bus/connection.ts'
import { writeFaults } from '../../sandbox/faults.ts'
import { creddFile, nodeTmp } from '../../sandbox/layout.ts'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import type { RevokeAnswer } from '../../services/refresher/revocation/answer-revoke.ts'
import { requests } from '../../shared/contracts/subjects.ts'
import { connectAlmighty } from '../support/almighty.ts'
import { useHeldSite } from '../support/held-site.ts'
import { dune, mu2e, node1, node2, nova, plainEntries } from '../support/held-work.ts'
import { eventually } from '../support/latch.ts'
import type { Pipeline } from '../support/pipeline.ts'
import { findMisplaced } from '../support/site-ends.ts'
import { type } from '../support/terminal.ts'

const uid = 50762
const credd1 = 'credd1.sandbox.test'

/** Everything of dune that lies on nodes and in credds. */
function leftOf({ site: { layout } }: Pipeline): string[] {
  const files = [node1, node2].flatMap((node) =>
    readdirSync(nodeTmp(layout, node))
      .filter((name) => name.includes(String(uid)) || name.startsWith('.managed-tokens'))
      .map((name) => `${node} ${name}`),
  )
  return existsSync(creddFile(layout, credd1, 'dunepro', dune)) ? [...files, credd1] : files
}

async function asResponder<T>({ site, supervisor }: Pipeline, subject: string, body: object): Promise<T> {
  await using bus = await connectAs('responder', { state: site.layout.state, nats: supervisor.url })
  return await ask<T>(bus, subject, body, 30_000)
}
const revokeDune = (pipe: Pipeline) =>
  asResponder<RevokeAnswer & { run: string }>(pipe, requests.revoke, {
    ...{ services: [dune], reason: 'a test', keepLogin: true },
  })
const restoreDune = (pipe: Pipeline) => asResponder(pipe, requests.restore, { services: [dune] })

const isCleared = ({ entries }: RunStatus) =>
  entries.every(({ refresh, targets }) => [refresh, ...targets].every(({ state }) => state === 'done'))
const untilCleared = (pipe: Pipeline, run: string) =>
  pipe.untilStatus(run, 'nothing is left', isCleared, 120_000)

describe('a revocation', { concurrency: 2, timeout: 600_000 }, () => {
  describe('that meets a run under way', { concurrency: 1 }, () => {
    const at = useHeldSite({ entries: plainEntries, holdSsh: true })

    const points = {
      [`htgettoken:${dune}`]: ['refresher', undefined],
      [`condor_vault_storer:${dune}`]: ['storer', undefined],
      [`condor_vault_storer-done:${dune}`]: ['storer', undefined],
      [`ssh:${node1}`]: ['distributor', undefined],
    } as const
    for (const [point, daemons] of Object.entries(points))
      for (const daemon of daemons)
        it(`at ${point.split(':')[0]}, ${daemon ? `its ${daemon} killed` : 'nobody killed'}: nothing is left afterwards`, async () => {
          at.stopAt(point)
          await at.pipe.startRun({ services: [dune] })
          await at.isHeld(point)
          const { run } = await revokeDune(at.pipe)
          if (daemon) await at.pipe.killAndAwait(daemon, 'SIGKILL')
          at.letAllGo()
          await untilCleared(at.pipe, run)
          assert.deepEqual(leftOf(at.pipe), [])
          await restoreDune(at.pipe)
        })

    it('leaves alone, and names, what is not ours: a link, somebody else’s file, another content', async () => {
      await at.pipe.finish((await at.pipe.startRun({ services: [dune] })).run)
      const [tmp1, tmp2] = [nodeTmp(at.pipe.site.layout, node1), nodeTmp(at.pipe.site.layout, node2)]
      const [short, own] = [`vt_u${uid}`, `vt_u${uid}-${dune}`]
      for (const file of [join(tmp1, short), join(tmp1, own), join(tmp2, short)]) rmSync(file)
      symlinkSync('/etc/passwd', join(tmp1, short))
      // root's
      writeFileSync(join(tmp1, own), 'mine\n')
      writeFileSync(join(tmp2, short), 'another service of the account\n', { mode: 0o400 })
      chownSync(join(tmp2, short), uid, uid)
      const { run } = await revokeDune(at.pipe)
      const { entries } = await untilCleared(at.pipe, run)
      assert.ok(lstatSync(join(tmp1, short)).isSymbolicLink())
      assert.equal(readFileSync(join(tmp1, own), 'utf8'), 'mine\n')
      assert.equal(readFileSync(join(tmp2, short), 'utf8'), 'another service of the account\n')
      assert.ok(!existsSync(join(tmp2, own)), 'what is ours is gone')
      const notes = entries
        .flatMap(({ targets }) => targets.flatMap(({ warning }) => warning ?? []))
        .join('\n')
      assert.match(notes, /vt_u50762 is not ours \(symbolic link/)
      assert.match(notes, /vt_u50762-dune_production is not ours \(regular file\/0/)
      assert.match(notes, /vt_u50762 holds something else than what was put there/)
      await restoreDune(at.pipe)
    })

    it('outlives an emptied list: nothing is pushed for anyone until the refresher has written it again', async () => {
      const { run } = await revokeDune(at.pipe)
      await untilCleared(at.pipe, run)
      const { supervisor, site } = at.pipe
      await using bus = await connectAlmighty(site.layout.state, supervisor.url, () =>
        supervisor.kill('nats-server', 'SIGHUP'),
      )
      await bus.jsm.streams.purge('KV_revoked')
      const { run: other } = await at.pipe.startRun()
      await at.pipe.finish(other)
      assert.deepEqual(leftOf(at.pipe), [])
      assert.deepEqual(await findMisplaced(at.pipe.site, [mu2e, nova]), [])
      await restoreDune(at.pipe)
    })
  })

  describe('of a service whose node and credd are away', { concurrency: 1 }, () => {
    const at = useHeldSite({ entries: plainEntries, settings: { distributor: { probePeriod: '2s' } } })

    it('does the rest at once and exits 1, and ends it when they are back, without the service, Vault and refresher', async () => {
      const { pipe } = at
      await pipe.finish((await pipe.startRun()).run)
      await pipe.site.stopNode(node1)
      writeFaults(at.dir, { 'credd-down': [credd1] })
      const { layout, config } = pipe.site
      const where = ['--state', layout.state, '--nats', pipe.supervisor.url]
      const revoked = await type(['revoke', dune, '--reason', 'a test', '--yes', ...where], {
        timeoutMs: 120_000,
      })
      assert.equal(revoked.exit, 1, revoked.stdout + revoked.stderr)
      assert.match(revoked.stdout, /Left, and tried until it is done: .*dunegpvm01/)
      assert.match(revoked.stdout, /Left, and tried until it is done: .*credd1/)
      assert.ok(
        leftOf(pipe).every((one) => one.startsWith(node1) || one === credd1),
        leftOf(pipe).join(),
      )

      const file = parse(readFileSync(config, 'utf8')) as { experiments: Record<string, unknown> }
      const { dune: _, ...experiments } = file.experiments
      writeFileSync(config, stringify({ ...file, experiments }))
      // Every daemon reads the file when a run starts.
      await pipe.finish((await pipe.startRun({ services: [nova] })).run)
      writeFaults(at.dir, { 'vault-down': true })
      assert.ok(pipe.supervisor.kill('refresher', 'SIGSTOP'))
      try {
        await pipe.site.startNode(node1)
        await eventually(async () => leftOf(pipe).length === 0, 'node and credd are clean', 60_000)
      } finally {
        pipe.supervisor.kill('refresher', 'SIGCONT')
        writeFaults(at.dir, {})
      }
      const [run] = /(?<=Run )\w{26}/.exec(revoked.stdout) ?? []
      await untilCleared(pipe, run ?? '')
    })
  })
})
