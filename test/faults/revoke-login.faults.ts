/** A revocation at a site with a token issuer alone: files by a key instead of a ticket, and the login at the issuer. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, it } from 'node:test'
import { nodesOf } from '../../sandbox/entry.ts'
import { startIamSite } from '../../sandbox/iam-site.ts'
import { nodeTmp } from '../../sandbox/layout.ts'
import { logInPeople } from '../../sandbox/log-in-people.ts'
import { findMisplaced } from '../support/site-ends.ts'
import { type } from '../support/terminal.ts'
import { usePipeline } from '../support/use-pipeline.ts'

const service = 'cms_analysis'

describe('a revocation at a token issuer', { timeout: 300_000 }, () => {
  const at = usePipeline(() => ({
    async start(options) {
      const site = await startIamSite(options)
      await logInPeople(site)
      return site
    },
  }))
  const typed = (...words: string[]) =>
    type([...words, '--state', at.pipe.site.layout.state, '--nats', at.pipe.supervisor.url])
  const filesOf = (uid: number) =>
    nodesOf(at.pipe.site.entries).flatMap((node) =>
      readdirSync(nodeTmp(at.pipe.site.layout, node)).filter((name) => name.includes(String(uid))),
    )

  it('removes the files, and the issuer takes the login no more', async () => {
    await at.pipe.finish((await at.pipe.startRun()).run)
    assert.deepEqual(await findMisplaced(at.pipe.site), [])
    const { exit, stdout, stderr } = await typed('revoke', service, '--reason', 'a test', '--yes')
    assert.equal(exit, 0, stdout + stderr)
    assert.deepEqual(filesOf(51102), [])
    assert.deepEqual(await findMisplaced(at.pipe.site, ['cms_production', 'cms_transfer']), [])
    await typed('restore', service)
    const { run } = await at.pipe.startRun({ services: [service] })
    const { entries } = await at.pipe.finish(run)
    assert.equal(entries[0]?.refresh.code, 'authentication-needed', JSON.stringify(entries))
  })

  it('says what a client’s secret goes on making', async () => {
    const { exit, stdout } = await typed('revoke', 'cms_production', '--reason', 'a test', '--yes')
    assert.equal(exit, 0, stdout)
    assert.match(stdout, /Whoever has the secret of client \S+ at \S+ makes tokens with it/)
    assert.deepEqual(filesOf(51101), [])
  })
})
