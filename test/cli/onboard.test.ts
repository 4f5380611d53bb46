/** Onboarding on a pseudo-terminal: a test reads the URL, logs in there, and the service needs nobody from then on. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, before, describe, it } from 'node:test'
import { writeFaults } from '../../sandbox/faults.ts'
import { openInBrowser } from '../support/open-in-browser.ts'
import type { Pipeline } from '../support/pipeline.ts'
import { type Ended, type, typeOnTerminal } from '../support/terminal.ts'
import { useTypedSite } from '../support/typed-site.ts'

const service = 'nova_analysis'

describe('onboarding a service that Vault has no login for', () => {
  const at = useTypedSite()
  let pipe: Pipeline
  let words: (...more: string[]) => string[]
  let ended: Ended
  let opened: string[] = []

  before(() => {
    pipe = at.pipe
    writeFaults(pipe.site.dir, { 'needs-onboarding': [service] })
    words = (...more) => [...more, '-c', pipe.site.config, '--state', pipe.site.layout.state]
  })
  after(() => writeFaults(pipe.site.dir, {}))

  it('before it, the run fails and says whom to ask for what', async () => {
    const { exit, stdout } = await type(words('run', '--watch', '-s', service))
    assert.equal(exit, 1)
    assert.match(stdout, /authentication-needed[\s\S]*managed-tokens onboard nova_analysis/)
  })

  it('shows URL and code on the terminal, waits for the login, and starts a run that leaves nodes alone', async () => {
    const heard = pipe.facts.all.length
    ended = await typeOnTerminal(words('onboard', service, '--allow-root'), {
      env: pipe.site.env,
      async see(shown) {
        const url = /https:\/\/\S+\/device\?user_code=\S+(?=\s)/.exec(shown)?.[0]
        if (!url || opened.includes(url)) return
        opened = [...opened, url]
        await openInBrowser(url, pipe.site.layout.vaultCa)
      },
    })
    assert.equal(ended.exit, 0, ended.stdout)
    assert.equal(opened.length, 1, 'one login of one person')
    assert.match(ended.stdout, /Complete the authentication at:[\s\S]*enter code [\w-]+/)
    assert.match(ended.stdout, /Vault has a login for nova_analysis now\.[\s\S]*Total: 1 done in/)
    assert.deepEqual(
      pipe.facts.all.slice(heard).filter(({ subject }) => subject.startsWith('token.pushed.')),
      [],
    )
  })

  it('the next unattended run succeeds, nodes included', async () => {
    const run = await pipe.startRun({ services: [service] })
    const { totals } = await pipe.finish(run.run)
    assert.deepEqual(totals, { done: 1, failed: 0, superseded: 0, unfinished: 0 })
  })

  it('nobody got a mail about the run it started', async () => {
    const onboarding = /Run (\w{26})/.exec(ended.stdout)?.[1]
    const { body } = await pipe.facts.until(
      'the run of the onboarding has started',
      ({ subject, body }) => subject === 'run.started' && body.run === onboarding,
    )
    assert.deepEqual(body.mode, { push: false, notify: false })
  })

  it('nothing of the login stays on this machine, and no token was shown', () => {
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.startsWith('managed-tokens-onboard-')),
      [],
    )
    const issued = readFileSync(pipe.site.layout.tokens, 'utf8').trim().split('\n')
    for (const { token } of issued.map((line) => JSON.parse(line)))
      assert.ok(!ended.stdout.includes(token), 'a token on the terminal')
  })

  it('where Vault has a login nobody is asked, with --again somebody is, and --push lets nodes have it', async () => {
    const silent = await typeOnTerminal(words('onboard', service, '--allow-root', '--no-run'), {
      env: pipe.site.env,
    })
    assert.equal(silent.exit, 0, silent.stdout)
    assert.doesNotMatch(silent.stdout, /user_code/)
    assert.match(silent.stdout, /Next: managed-tokens run --watch -s nova_analysis/)

    let again = ''
    const asked = await typeOnTerminal(words('onboard', service, '--allow-root', '--again', '--push'), {
      env: pipe.site.env,
      async see(shown) {
        const url = /https:\/\/\S+\/device\?user_code=\S+(?=\s)/.exec(shown)?.[0]
        if (!url || again) return
        again = url
        await openInBrowser(url, pipe.site.layout.vaultCa)
      },
    })
    assert.equal(asked.exit, 0, asked.stdout)
    assert.match(asked.stdout, /pushed[\s\S]*Total: 1 done/)
  })

  it('somebody else’s login is not kept, and whose it has to be is said before and after', async () => {
    let seen = ''
    const strange = await typeOnTerminal(words('onboard', service, '--allow-root', '--again', '--no-run'), {
      env: pipe.site.env,
      async see(shown) {
        const url = /https:\/\/\S+\/device\?user_code=\S+(?=\s)/.exec(shown)?.[0]
        if (!url || seen) return
        seen = url
        await openInBrowser(`${url}&user=somebody`, pipe.site.layout.vaultCa)
      },
    })
    assert.equal(strange.exit, 1, strange.stdout)
    assert.match(strange.stdout, /Vault takes that of novaana: [\s\S]*Complete the authentication at/)
    assert.match(strange.stdout, /Refresh token storage to .* failed: HTTPError: Forbidden/)
    assert.match(strange.stdout, /only the login of novaana, and somebody else logged in\. Log in as novaana/)
  })

  it('a person who gives up with Ctrl-C has changed nothing and is told how to try again', async () => {
    let interrupted = false
    const given = await typeOnTerminal(words('onboard', service, '--allow-root', '--again', '--no-run'), {
      env: pipe.site.env,
      type: (shown) => {
        if (interrupted || !shown.includes('user_code')) return undefined
        interrupted = true
        return '\u0003'
      },
    })
    assert.equal(given.exit, 1, given.stdout)
    assert.match(
      given.stdout,
      /given up; nothing has changed\. Try again: managed-tokens onboard nova_analysis/,
    )
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.startsWith('managed-tokens-onboard-')),
      [],
    )
  })

  it('without a terminal, as root, or for a service that is not configured, it is refused before anything is done', async () => {
    const refused = async (...more: string[]) => {
      const { exit, stderr } = await type(words('onboard', ...more), { env: pipe.site.env })
      assert.equal(exit, 2)
      return stderr
    }
    assert.match(await refused(service, '--allow-root'), /run it on a terminal/)
    assert.match(await refused(service), /add --allow-root/)
    assert.match(await refused('nova_anlysis', '--allow-root'), /did you mean nova_analysis\?/)
  })

  it('says what is wrong where there is no ticket, with the fix', async () => {
    await pipe.site.stopKdc()
    const { exit, stdout } = await typeOnTerminal(words('onboard', service, '--allow-root', '--no-run'), {
      env: pipe.site.env,
    })
    await pipe.site.startKdc()
    assert.equal(exit, 1)
    assert.match(
      stdout,
      /No Kerberos ticket for novaana\S+ .*: no KDC answers\. Check the network and the KDCs/,
    )
  })
})
