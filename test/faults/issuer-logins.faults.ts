/** People's logins at a token issuer without Vault, and what keeps them when things break. */
import assert from 'node:assert/strict'
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { writeFaults } from '../../sandbox/faults.ts'
import { hold, release, waitHeld } from '../../sandbox/hold.ts'
import { verifySite } from '../../sandbox/verify.ts'
import { findSecrets, tokensOf } from '../support/canary.ts'
import { type, typeOnTerminal } from '../support/terminal.ts'
import { useIamPipeline } from '../support/use-iam-pipeline.ts'

describe('a login at a token issuer', { timeout: 300_000 }, () => {
  const service = 'cms_analysis'
  const at = useIamPipeline()

  const runOf = async (body: object = { services: [service] }) => {
    const { run } = await at.pipe.startRun(body)
    return at.pipe.finish(run, 120_000)
  }
  const loginFile = () => join(at.site.layout.state, 'refresher', 'logins', 'cms=5Fanalysis.json')
  const kept = () => JSON.parse(readFileSync(loginFile(), 'utf8')) as { generation: number; asked?: unknown }

  it('brings tokens run after run, each time with the refresh token of the last', async () => {
    for (const generation of [2, 4]) {
      const { totals } = await runOf()
      assert.deepEqual(totals, { done: 2, failed: 0, superseded: 0, unfinished: 0 })
      assert.equal(kept().generation, generation)
    }
    const wrong = (await verifySite(at.site)).filter(
      ({ entry, problems }) => entry === service && problems.length > 0,
    )
    assert.deepEqual(wrong, [])
  })

  it('outlives a bus that was emptied', async () => {
    const before = kept().generation
    const [bucket] = globSync('nats/jetstream/**/KV_logins', { cwd: at.site.layout.state })
    assert.ok(bucket)
    rmSync(join(at.site.layout.state, bucket), { recursive: true })
    await at.pipe.killAndAwait('nats-server', 'SIGKILL')
    // So that it brings what it has at once, and not within a minute.
    await at.pipe.killAndAwait('refresher', 'SIGKILL')
    await at.pipe.untilRunStarts(60_000).then(({ run }) => at.pipe.finish(run, 120_000))
    assert.equal(kept().generation, before + 2)
  })

  it('takes a new secret of the client without a restart, and says who has to act while it is wrong', async () => {
    const secret = readFileSync(at.site.layout.clientSecret, 'utf8')
    writeFileSync(at.site.layout.clientSecret, 'a-secret-of-yesterday\n')
    const { totals } = await runOf({ services: ['cms_production'] })
    assert.equal(totals.done, 0)
    const failed = at.pipe.facts.all.findLast(({ subject }) => subject.startsWith('token.failed.'))
    assert.equal(failed?.body.code, 'issuer-misconfigured')
    writeFileSync(at.site.layout.clientSecret, secret)
    assert.equal((await runOf({ services: ['cms_production'] })).totals.done, 2)
  })

  it('is lost in one window alone, between asking and keeping, and then it is said why', async () => {
    hold(at.site.dir, 'iam-token')
    const { run } = await at.pipe.startRun({ services: [service] })
    await waitHeld(at.site.dir, 'iam-token')
    await at.pipe.killAndAwait('refresher', 'SIGKILL')
    release(at.site.dir, 'iam-token')
    await at.pipe.finish(run, 120_000)
    const failed = at.pipe.facts.all.findLast(({ subject }) => subject === 'token.failed.cms.analysis')
    assert.equal(failed?.body.code, 'authentication-needed')
    assert.match(
      String(failed?.body.message),
      /asked at \S+ and was stopped, or the connection was lost, before the answer was kept, and this issuer takes a refresh token once/,
    )
    assert.match(String(failed?.body.action), /managed-tokens onboard cms_analysis/)
  })

  it('is looked for by the doctor, who asks for neither Kerberos nor Vault', async () => {
    const words = ['doctor', '--json', '-c', at.site.config, '--state', at.site.layout.state]
    const { stdout } = await type(words, { env: at.site.env })
    const { results } = JSON.parse(stdout) as { results: { about: string; state: string; says: string }[] }
    const about = new Set(results.map((one) => one.about))
    for (const needless of ['kinit', 'htgettoken', 'keytab', 'kerberos', 'vault', 'collector', 'ferry'])
      assert.ok(!about.has(needless), needless)
    for (const needed of ['issuer', 'login', 'ssh key'])
      assert.ok(
        results.filter((one) => one.about === needed).every(({ state }) => state === 'ok'),
        needed,
      )
    assert.match(results.find((one) => one.about === 'login')?.says ?? '', /logged in for cms_analysis/)
  })

  it('is made anew on a terminal, and the run that follows succeeds', async () => {
    const words = ['onboard', service, '--again', '--push', '--allow-root']
    let done = false
    const ended = await typeOnTerminal([...words, '-c', at.site.config, '--state', at.site.layout.state], {
      env: at.site.env,
      async see(shown) {
        const code = /user_code=(\S+)/.exec(shown)?.[1]
        if (!code || done) return
        done = true
        await at.site.issuer.completeLogin(code, 'cmsana')
      },
    })
    assert.equal(ended.exit, 0, ended.stdout)
    assert.match(ended.stdout, /Complete the authentication at:[\s\S]*The code is [\w-]+/)
    assert.match(ended.stdout, /The refresher has a login for cms_analysis now\.[\s\S]*Total: 2 done/)
    assert.deepEqual(findSecrets(ended.stdout, tokensOf(at.site.dir)), [])
  })

  it('is not asked for where there is one, nor where none is needed', async () => {
    const onboard = (name: string) =>
      typeOnTerminal(
        ['onboard', name, '--no-run', '--allow-root', '-c', at.site.config, '--state', at.site.layout.state],
        { env: at.site.env },
      )
    assert.match((await onboard(service)).stdout, /has a login for cms_analysis already; --again/)
    const needless = await onboard('cms_production')
    assert.equal(needless.exit, 2)
    assert.match(
      needless.stdout,
      /cms_production needs no login of a person: its grant is client_credentials/,
    )
  })

  it('that the issuer refuses asks a person, and no fault of the issuer itself does', async () => {
    for (const [faults, code] of [
      [{ 'iam-refuses': 'invalid_grant' }, 'authentication-needed'],
      [{ 'iam-error': 503 }, 'issuer-unreachable'],
    ] as const) {
      writeFaults(at.site.dir, faults)
      const { run } = await at.pipe.startRun({ services: [service] })
      const failed = await at.pipe.facts.until(
        `${code} is told`,
        ({ subject, body }) => body.run === run && subject === 'token.failed.cms.analysis',
      )
      assert.equal(failed.body.code, code)
      writeFaults(at.site.dir, {})
      // Until then a second question for a run of the same is answered with this one.
      await at.pipe.finish(run, 120_000)
    }
  })
})
