/** Refresh tokens that are replaced at each use, at both kinds of issuers, with real refreshers: replicas of one, and one that is killed. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { hold, release, waitHeld } from '../../sandbox/hold.ts'
import { within } from '../support/pipeline.ts'
import { startReplica } from '../support/refresher-replica.ts'
import { useIamPipeline } from '../support/use-iam-pipeline.ts'

const service = 'cms_analysis'
const allDone = { done: 2, failed: 0, superseded: 0, unfinished: 0 }

for (const refreshTokens of ['once', 'grace'] as const)
  describe(`an issuer that ${refreshTokens === 'once' ? 'ends a login at the second use of a refresh token' : 'forgives a second use for a while'}`, {
    timeout: 300_000,
  }, () => {
    const at = useIamPipeline({ refreshTokens })

    const generationIn = (state: string) => {
      const file = join(state, 'refresher', 'logins', 'cms=5Fanalysis.json')
      return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')).generation as number) : 0
    }
    const runOf = async () => at.pipe.finish((await at.pipe.startRun({ services: [service] })).run, 120_000)

    it('gets no refresh token twice of two replicas that take turns', async () => {
      const replica = await startReplica(
        at.site,
        `nats://${at.pipe.bus.nc.getServer()}`,
        'two',
        Number.POSITIVE_INFINITY,
      )
      await using _ = replica
      await within(60_000, 'the second is ready', replica.ready)
      const states = [at.site.layout.state, join(at.site.dir, replica.name)]
      const acted = new Set<string>()
      let used = Math.max(...states.map(generationIn))
      // Who is next is for the server to say.
      for (let runs = 0; acted.size < 2 || runs < 4; runs += 1) {
        assert.ok(runs < 40, 'one of the two has never been asked')
        const { totals } = await runOf()
        assert.deepEqual(totals, allDone)
        // Two bearer tokens, and each replaced the refresh token once: none was used again.
        const newest = Math.max(...states.map(generationIn))
        assert.equal(newest, used + 2)
        used = newest
        for (const state of states) if (generationIn(state) === newest) acted.add(state)
      }
    })

    it(`${refreshTokens === 'once' ? 'asks for a new login and says why' : 'locks nobody out'} where a refresher is killed before it hears the answer`, async () => {
      hold(at.site.dir, 'iam-token')
      const { run } = await at.pipe.startRun({ services: [service] })
      await waitHeld(at.site.dir, 'iam-token')
      await at.pipe.killAndAwait('refresher', 'SIGKILL')
      release(at.site.dir, 'iam-token')
      const { totals } = await at.pipe.finish(run, 120_000)
      const failed = (await at.pipe.storedFacts(run)).filter(({ subject }) =>
        subject.startsWith('token.failed.'),
      )
      if (refreshTokens === 'grace') {
        assert.deepEqual([totals, failed], [allDone, []])
        return
      }
      assert.equal(failed[0]?.body.code, 'authentication-needed')
      assert.match(
        String(failed[0]?.body.message),
        /was stopped, .* and this issuer takes a refresh token once/,
      )
    })
  })
