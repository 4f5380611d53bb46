/** The doctor on a healthy site, and on one where nearly everything is wrong that a first-time operator gets wrong. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, it, test } from 'node:test'
import { parse, stringify } from 'yaml'
import { judgeAccount, judgeDomain } from '../../../cli/doctor/bus.ts'
import { type Check, type Finding, ok, runChecks } from '../../../cli/doctor/check.ts'
import { judgeSlack } from '../../../cli/doctor/people.ts'
import { judgeNatsServer } from '../../../cli/doctor/programs.ts'
import { judgeClock, judgePort, judgeVault } from '../../../cli/doctor/servers.ts'
import { writeFaults } from '../../../sandbox/faults.ts'
import { readSshTarget } from '../../../services/distributor/ssh/ssh-target.ts'
import { makeEntry } from '../../support/entry.ts'
import type { Pipeline } from '../../support/pipeline.ts'
import { type } from '../../support/terminal.ts'
import { useTypedSite } from '../../support/typed-site.ts'

describe('managed-tokens doctor', () => {
  const at = useTypedSite()
  let pipe: Pipeline
  const look = async (config = pipe.site.config, state = pipe.site.layout.state) => {
    const { exit, stdout, stderr } = await type(['doctor', '--json', '-c', config, '--state', state], {
      env: pipe.site.env,
      timeoutMs: 120_000,
    })
    assert.equal(stderr, '')
    const { problems, results } = JSON.parse(stdout) as { problems: number; results: Finding[] }
    return { exit, problems, results, lines: results.map(({ about, says }) => `${about}: ${says}`) }
  }
  const problemsOf = (results: readonly Finding[]) => results.filter(({ state }) => state === 'problem')

  before(() => {
    pipe = at.pipe
  })

  it('finds no problem on a healthy site, and has looked at everything', async () => {
    const { exit, results } = await look()
    assert.deepEqual(problemsOf(results), [])
    assert.equal(exit, 0)
    const looked = new Set(results.map(({ about }) => about))
    const programs = ['nats-server', 'kinit', 'ssh', 'flock', 'setpriv', 'htgettoken', 'condor_version']
    const servers = [
      'kerberos',
      'trust',
      'vault',
      'clock',
      'collector',
      'ferry',
      'nats',
      'mail',
      'slack',
      'node',
    ]
    for (const about of ['config', 'state', 'keytab', ...programs, ...servers])
      assert.ok(looked.has(about), `looked at ${about}`)
  })

  it('prints a line for each on a pipe, without colours, and a last one that says ready', async () => {
    const { stdout } = await type(['doctor', '-c', pipe.site.config, '--state', pipe.site.layout.state], {
      env: { ...pipe.site.env, CI: '1' },
    })
    const lines = stdout.trimEnd().split('\n')
    assert.match(lines.pop() ?? '', /^0 problems, \d warnings?: ready\.$/)
    assert.equal(lines.pop(), '')
    for (const line of lines) assert.match(line, /^(ok {6}|warning ) \S.{18} \S/)
  })

  it('names each thing that is wrong, with a fix, and does not stop at the first', async () => {
    const { site } = pipe
    const keytab = join(site.layout.keytabs, 'mu2epro.keytab')
    const hosts = readFileSync(site.layout.sshKnownHosts, 'utf8')
    chmodSync(keytab, 0o644)
    chmodSync(join(site.layout.state, 'refresher', 'nats.nk'), 0o640)
    writeFileSync(site.layout.sshKnownHosts, hosts.replace(/^dunegpvm01.*\n/m, ''))
    writeFaults(site.dir, { 'vault-down': true, 'collector-down': ['collector'], 'old-condor': true })
    await site.stopKdc()
    await site.stopNode('mu2egpvm01.sandbox.test')
    const { exit, results, lines } = await look()
    chmodSync(keytab, 0o600)
    chmodSync(join(site.layout.state, 'refresher', 'nats.nk'), 0o600)
    writeFileSync(site.layout.sshKnownHosts, hosts)
    writeFaults(site.dir, {})
    await Promise.all([site.startKdc(), site.startNode('mu2egpvm01.sandbox.test')])

    assert.equal(exit, 1)
    const wrong = problemsOf(results)
    assert.deepEqual(
      [...new Set(wrong.map(({ about }) => about))],
      ['condor_version', 'state', 'keytab', 'kerberos', 'vault', 'collector', 'node'],
    )
    for (const { fix } of wrong) assert.ok(fix, 'every problem has a fix')
    const saysAndFix = wrong.map(({ says, fix }) => `${says} → ${fix}`).join('\n')
    assert.match(saysAndFix, /HTCondor 10\.0\.5 gives all runs .* the same files.*10\.6/)
    assert.match(saysAndFix, /refresher\/nats\.nk is open to others \(mode 0640\) → chmod 600 /)
    assert.match(saysAndFix, /mu2epro\.keytab is open to others \(mode 0644\) → chmod 600 \S+mu2epro\.keytab/)
    assert.match(
      saysAndFix,
      /No Kerberos ticket for dunepro\S+ .*: no KDC answers → Check the network and the KDCs/,
    )
    assert.match(saysAndFix, /localhost:\d+: the connection was reset → Check the Vault server/)
    assert.match(saysAndFix, /No collector answers: asked collector\.sandbox\.test/)
    assert.match(
      saysAndFix,
      /mu2egpvm01\.sandbox\.test: nothing listens on the node’s ssh port → Check sshd on the node/,
    )
    assert.match(
      saysAndFix,
      /the host key of dunegpvm01\.sandbox\.test is not in \S+ssh_known_hosts → Put the node’s host key/,
    )
    assert.ok(lines.includes('nats: the refresher answers'), 'what is well is still told')
  })

  it('tells a certificate that nobody trusts from a server that is away', async () => {
    writeFaults(pipe.site.dir, { 'vault-tls': true })
    const { results } = await look()
    writeFaults(pipe.site.dir, {})
    const [found] = problemsOf(results)
    assert.equal(found?.about, 'vault')
    assert.match(found?.fix ?? '', /certificate.*vault\.caPath/)
  })

  it('tells a sealed Vault from one that is ready, with its certificate and its clock', async () => {
    writeFaults(pipe.site.dir, { 'vault-sealed': true })
    const { exit, results, lines } = await look()
    writeFaults(pipe.site.dir, {})
    assert.equal(exit, 1)
    const [found, ...more] = problemsOf(results)
    assert.deepEqual(more, [])
    assert.match(found?.says ?? '', /^localhost:\d+ is sealed: it serves nobody$/)
    assert.match(found?.fix ?? '', /unseal/)
    assert.ok(lines.some((line) => /^clock: as localhost/.test(line)))
  })

  it('believes a host key that only KnownHostsCommand tells, as the distributor’s ssh does', async () => {
    const { site } = pipe
    const hosts = readFileSync(site.layout.sshKnownHosts, 'utf8')
    const command = join(site.dir, 'tell-keys')
    writeFileSync(command, `#!/bin/sh\ncat <<'END'\n${hosts}END\n`, { mode: 0o755 })
    const config = parse(readFileSync(site.config, 'utf8'))
    const { roles } = config.experiments.dune
    for (const role of Object.values(roles) as { sshOptionsOverride?: string }[])
      role.sshOptionsOverride = `-F ${site.layout.sshConfig} -o KnownHostsCommand=${command}`
    const file = join(site.dir, 'told-keys.yml')
    writeFileSync(file, stringify(config))
    writeFileSync(site.layout.sshKnownHosts, '')
    const { results } = await look(file)
    writeFileSync(command, '#!/bin/sh\n')
    const silent = await look(file)
    writeFileSync(site.layout.sshKnownHosts, hosts)
    const nodesOf = (found: readonly Finding[], state: Finding['state']) =>
      found.filter((one) => one.about === 'node' && one.state === state).map(({ says }) => says)
    assert.ok(
      nodesOf(results, 'ok').some((says) => /^dunegpvm01\S+ listens, and its host key is known/.test(says)),
    )
    assert.ok(!nodesOf(results, 'problem').some((says) => /dunegpvm/.test(says)))
    assert.ok(
      nodesOf(results, 'problem').some((says) => /mu2egpvm01\S+ is not in \S+ssh_known_hosts$/.test(says)),
    )
    assert.ok(
      nodesOf(silent.results, 'problem').some((says) =>
        /dunegpvm01.*, nor told by KnownHostsCommand/.test(says),
      ),
    )
  })

  it('does not take a host key for known that was revoked', async () => {
    const { site } = pipe
    const hosts = readFileSync(site.layout.sshKnownHosts, 'utf8')
    writeFileSync(site.layout.sshKnownHosts, hosts.replace(/^dunegpvm01/m, '@revoked dunegpvm01'))
    const { results } = await look()
    writeFileSync(site.layout.sshKnownHosts, hosts)
    const [found] = problemsOf(results)
    assert.match(found?.says ?? '', /^dunegpvm01\S+: the node’s host key is not the known one/)
  })

  it('tells a mail server whose certificate the notifier would refuse', async () => {
    writeFaults(pipe.site.dir, { 'mail-tls': true })
    const { results } = await look()
    writeFaults(pipe.site.dir, {})
    const [found] = problemsOf(results)
    assert.equal(found?.about, 'mail')
    assert.match(found?.says ?? '', /a certificate that is not to be trusted/)
  })

  it('a Vault that accepts and never answers costs its deadline, not more', async () => {
    writeFaults(pipe.site.dir, { 'vault-hangs': true })
    const { exit, results } = await look()
    writeFaults(pipe.site.dir, {})
    assert.equal(exit, 1, 'it came to its end by itself')
    assert.match(problemsOf(results)[0]?.says ?? '', /localhost:\d+ did not answer within 10 s/)
  })

  it('finds a wrong mail server, webhook, keytab and node name in the configuration', async () => {
    const { site } = pipe
    const config = parse(readFileSync(site.config, 'utf8'))
    config.email.smtpPort = 1
    config.notifications.SLACK_ALERTS_URL = 'https://hooks.slack.com/FILL_IN_URL_HERE'
    config.experiments.nova.roles.analysis.keytabPathOverride = '/nonexistent/nova.keytab'
    config.experiments.nova.roles.analysis.destinationNodes = ['nowhere.invalid']
    const file = join(site.dir, 'wrong.yml')
    writeFileSync(file, stringify(config))
    const { exit, results } = await look(file)
    assert.equal(exit, 1)
    const saysAndFix = problemsOf(results)
      .map(({ about, says, fix }) => `${about} ${says} → ${fix}`)
      .join('\n')
    assert.match(saysAndFix, /^mail 127\.0\.0\.1:1 could not be reached .*smtpPort/m)
    assert.match(saysAndFix, /^slack notifications\.SLACK_ALERTS_URL is no webhook of Slack’s/m)
    assert.match(saysAndFix, /^keytab \S*nova\S*keytab is not there → /m)
    assert.match(saysAndFix, /^node nowhere\.invalid: the node’s name cannot be resolved/m)
    assert.doesNotMatch(JSON.stringify(results), /FILL_IN/, 'the URL is a secret')
  })

  it('before anything is configured or started it still says what is missing', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'doctor-'))
    const nothing = await look(join(empty, 'none.yml'), join(empty, 'state'))
    assert.equal(nothing.exit, 1)
    assert.match(problemsOf(nothing.results)[0]?.says ?? '', /none\.yml:1:1: there is no such file/)
    const early = await look(pipe.site.config, join(empty, 'state'))
    rmSync(empty, { recursive: true })
    assert.deepEqual(problemsOf(early.results), [], 'what "up" will make is no problem')
    assert.ok(early.lines.includes('nats: the private server is not up'))
  })
})

test('checks run a few at a time, come in order, and none outlives its deadline', async () => {
  let running = 0
  let most = 0
  const check = (about: string, ms: number, deadlineMs = 5_000): Check => ({
    about,
    deadlineMs,
    async look() {
      running += 1
      most = Math.max(most, running)
      await new Promise((resolve) => setTimeout(resolve, ms))
      running -= 1
      return [ok(about, 'fine')]
    },
  })
  const deaf: Check = { about: 'deaf', deadlineMs: 50, look: () => new Promise(() => {}) }
  const broken: Check = {
    about: 'broken',
    deadlineMs: 50,
    async look() {
      throw new Error('it fell over')
    },
  }
  const found: Finding[] = []
  for await (const one of runChecks(
    [check('slow', 60), deaf, check('quick', 1), broken, check('last', 1)],
    2,
  ))
    found.push(one)
  assert.deepEqual(
    found.map(({ state, about, says }) => `${state} ${about} ${says}`),
    [
      'ok slow fine',
      'problem deaf no answer within 0.05 s',
      'ok quick fine',
      'problem broken it fell over',
      'ok last fine',
    ],
  )
  assert.equal(most, 2)
})

const judgements: Readonly<Record<string, readonly [Finding | undefined, Finding['state'] | undefined]>> = {
  'a clock that is right': [judgeClock('v', new Date(100_000), 100_900)[0], 'ok'],
  'a clock half a minute off': [judgeClock('v', new Date(100_000), 140_000)[0], 'warning'],
  'a clock five minutes behind': [judgeClock('v', new Date(400_000), 100_000)[0], 'problem'],
  'a server that does not tell its time': [judgeClock('v', undefined)[0], undefined],
  'nats-server 2.9.9': [judgeNatsServer('n', 'nats-server: v2.9.9'), 'problem'],
  'nats-server 2.9.10': [judgeNatsServer('n', 'nats-server: v2.9.10'), 'warning'],
  'nats-server 2.12.8': [judgeNatsServer('n', 'nats-server: v2.12.8'), 'warning'],
  'nats-server 2.12.9': [judgeNatsServer('n', 'nats-server: v2.12.9'), 'ok'],
  'nats-server 3.0.0': [judgeNatsServer('n', '3.0.0'), 'ok'],
  'an account with JetStream': [account(-1, -1), 'ok'],
  'an account with JetStream and room enough': [account(1_000, 14), 'ok'],
  'an account that may store nothing': [account(0, -1), 'problem'],
  'an account with too few streams': [account(-1, 11), 'problem'],
  'an account that is nearly full': [account(105, -1), 'warning'],
  'an account whose limits stand in tiers': [
    judgeAccount({ ...stats(0, 0), tiers: { R1: stats(0, 0), R3: stats(1_000, 20) } }),
    'ok',
  ],
  'an account whose tiers give nothing': [
    judgeAccount({ ...stats(-1, -1), tiers: { R1: stats(0, 0) } }),
    'problem',
  ],
  'a Vault that is active': [vault(200), 'ok'],
  'a Vault that stands by': [vault(429), 'ok'],
  'a Vault that stands by for performance': [vault(473), 'ok'],
  'a Vault that stands by for a disaster': [vault(472), 'problem'],
  'a Vault that is not initialised': [vault(501), 'problem'],
  'a Vault that is sealed': [vault(503), 'problem'],
  'a Vault that was removed from its cluster': [vault(530), 'problem'],
  'a proxy’s 503 in the place of a Vault': [vault(503, '<html>'), 'problem'],
  'a web server that is no Vault': [vault(200, '<html>'), 'problem'],
  'a webhook of Slack’s': [slack('https://hooks.slack.com/services/T0/B0/abc'), 'ok'],
  'no webhook': [slack(undefined), 'warning'],
  'a webhook without TLS': [slack('http://hooks.slack.com/services/T0/B0/abc'), 'problem'],
  'a webhook that was cut off': [slack('https://hooks.slack.com/services/T0'), 'problem'],
}

function stats(max_storage: number, max_streams: number) {
  return { storage: 100, limits: { max_storage, max_streams } }
}

for (const [what, [found, configured], expected] of [
  ['neither has a domain', [undefined, undefined], []],
  ['the domain is the configured one', ['hub', 'hub'], ['ok']],
  ['daemons at the hub need none', ['hub', undefined], ['ok']],
  ['daemons ask in another domain', ['far', 'hub'], ['problem']],
  ['daemons ask in a domain that there is not', [undefined, 'hub'], ['problem']],
] as const)
  test(`of JetStream’s domain: ${what}`, () =>
    assert.deepEqual(
      judgeDomain(found, configured).map(({ state }) => state),
      expected,
    ))

function account(storage: number, streams: number): Finding {
  return judgeAccount(stats(storage, streams))
}

function vault(status: number, body = '{"initialized":true,"sealed":false}'): Finding {
  return judgeVault('v', { status, body })
}

test('a proxy before a Vault is not taken for a sealed one', () =>
  assert.match(vault(503, '<html>').says, /status 503, which is no word of Vault’s health/))

function slack(slackUrl: string | undefined): Finding {
  return judgeSlack('notifications', { ...(slackUrl === undefined ? {} : { slackUrl }), adminEmail: [] })
}

for (const [what, [finding, state]] of Object.entries(judgements))
  test(`${what}: ${state ?? 'nothing to say'}`, () => assert.equal(finding?.state, state))

test('where ssh would go is read from what ssh itself says', () => {
  const text = 'user x\nhostname 127.0.0.9\nport 2222\nglobalknownhostsfile /a /b\n'
  assert.deepEqual(readSshTarget(text), {
    host: '127.0.0.9',
    port: 2222,
    isProxied: false,
    keyName: '[127.0.0.9]:2222',
    knownHosts: ['/a', '/b'],
    hasOtherKeys: false,
  })
  assert.equal(readSshTarget(`${text}knownhostscommand /bin/keys %H\n`).hasOtherKeys, true)
  assert.equal(readSshTarget(`${text}knownhostscommand none\n`).hasOtherKeys, false)
  assert.equal(readSshTarget(`${text}hostkeyalias node1\n`).keyName, 'node1')
  assert.equal(readSshTarget(`${text}proxyjump gate\n`).isProxied, true)
})

test('says that credential monitors take Vault on one port only, where credds are used', () => {
  const site = (tokenGetter: 'getToken' | 'storeAndGetToken') => ({
    entries: [makeEntry({ tokenGetter })],
  })
  assert.deepEqual(judgePort('vault.lab.example', site('storeAndGetToken')), [])
  assert.deepEqual(judgePort('vault.lab.example:8443', site('getToken')), [])
  const [finding] = judgePort('vault.lab.example:8443', site('storeAndGetToken'))
  assert.equal(finding?.state, 'warning')
  assert.match(finding?.says ?? '', /port 8200 only/)
})
