import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { generateEntries } from '../../sandbox/generated-entries.ts'
import { nodeTmp } from '../../sandbox/layout.ts'
import { type SandboxSite, startSite } from '../../sandbox/site.ts'
import { kinit, makeTemporaryDirectory, processesOf, ssh } from './site-support.ts'

const node = 'dunegpvm01.sandbox.test'

describe('a site', () => {
  const dir = makeTemporaryDirectory()
  let site: SandboxSite
  before(async () => {
    site = await startSite({ dir })
    assert.equal(kinit(site, 'dunepro').status, 0)
    assert.equal(kinit(site, 'mu2epro').status, 0)
  })
  after(async () => {
    await site[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true })
  })

  it('lets an account with a ticket into every node, to a /tmp of its own', () => {
    assert.equal(site.nodes.length, 3)
    for (const { name } of site.nodes) {
      const { status, stdout, stderr } = ssh(
        site,
        'dunepro',
        'dunepro',
        name,
        `id -u && ls -A /tmp && echo ${name} >/tmp/note`,
      )
      assert.equal(status, 0, stderr)
      assert.equal(stdout, '50762\n')
      const note = join(nodeTmp(site.layout, name), 'note')
      assert.equal(readFileSync(note, 'utf8'), `${name}\n`)
      assert.equal(statSync(note).uid, 50762)
    }
  })

  it('knows only its own accounts on a node, and hides the machine’s home directories', () => {
    const { stdout } = ssh(site, 'dunepro', 'dunepro', node, 'cut -d: -f1 /etc/passwd; ls /home; ls /run')
    assert.deepEqual(stdout.split('\n').filter(Boolean), [
      ...['root', 'sshd', 'dunepro', 'mu2epro', 'novaana'],
      ...['dunepro', 'mu2epro', 'novaana'],
      ...['node', 'sshd'],
    ])
  })

  it('refuses a principal that the account’s .k5login does not name', () => {
    const { status, stderr } = ssh(site, 'mu2epro', 'dunepro', node, 'id')
    assert.equal(status, 255)
    assert.match(stderr, /Permission denied \(gssapi-with-mic\)/)
  })

  it('refuses connections to a stopped node, and serves again when it was started', async () => {
    await site.stopNode(node)
    assert.match(ssh(site, 'dunepro', 'dunepro', node, 'id').stderr, /Connection refused/)
    await site.startNode(node)
    assert.equal(ssh(site, 'dunepro', 'dunepro', node, 'id').status, 0)
    await assert.rejects(site.stopNode('nosuch'), /the site has no node nosuch; it has dunegpvm01/)
  })

  it('gives no tickets while its KDC is stopped, and says so at once', async () => {
    await site.stopKdc()
    const { status, stderr } = kinit(site, 'dunepro')
    assert.equal(status, 1)
    assert.match(stderr, /Cannot contact any KDC/)
    await site.startKdc()
    assert.equal(kinit(site, 'dunepro').status, 0)
  })

  it('keeps keytabs and its configuration to itself', () => {
    for (const file of [join(site.layout.keytabs, 'dunepro.keytab'), site.layout.vaultKeytab, site.config])
      assert.equal(statSync(file).mode & 0o777, 0o600, file)
  })

  it('refuses to be wiped by a second one', async () => {
    await assert.rejects(startSite({ dir }), /a sandbox runs in .* \(process \d+\): stop it first/)
  })
})

it('a site leaves no process, mount or open port behind, and keeps its files', async () => {
  const dir = makeTemporaryDirectory()
  const site = await startSite({ dir })
  kinit(site, 'dunepro')
  const session = ssh(site, 'dunepro', 'dunepro', node, 'nohup sleep 1000 >/dev/null 2>&1 & echo left')
  assert.equal(session.stdout, 'left\n')
  assert.ok(processesOf(dir).length >= 4, 'KDC, three sshd and a session must be seen while they run')
  const { vaultPort, ferryPort, smtpPort, otlpPort } = site.addresses
  const ports = [
    ...[vaultPort, ferryPort, smtpPort, otlpPort].map((port) => ({ host: '127.0.0.1', port })),
    ...site.nodes.map(({ address, port }) => ({ host: address, port })),
  ]
  await site[Symbol.asyncDispose]()

  assert.deepEqual(processesOf(dir), [])
  assert.ok(!readFileSync('/proc/self/mounts', 'utf8').includes(dir))
  for (const { host, port } of ports) {
    const [error] = await once(connect(port, host), 'error')
    assert.equal(error.code, 'ECONNREFUSED')
  }
  assert.ok(existsSync(site.config))
  rmSync(dir, { recursive: true })
})

it('a site starts without the hosts that are down from the start', async () => {
  const dir = makeTemporaryDirectory()
  {
    await using site = await startSite({ dir, faults: { 'node-down': ['dunegpvm01'], 'kdc-down': true } })
    assert.equal(kinit(site, 'dunepro').status, 1)
    await site.startKdc()
    assert.equal(kinit(site, 'dunepro').status, 0)
    assert.match(ssh(site, 'dunepro', 'dunepro', node, 'id').stderr, /Connection refused/)
    assert.equal(ssh(site, 'dunepro', 'dunepro', 'sharedgpvm01.sandbox.test', 'id').status, 0)
  }
  rmSync(dir, { recursive: true })
})

it('a site of twenty entries on one node has a keytab, an account and a role for each', async () => {
  const dir = makeTemporaryDirectory()
  {
    const entries = generateEntries({ entries: 20, nodes: 1, credds: 2 })
    await using site = await startSite({ dir, entries, sshd: { maxStartups: '3:100:3' } })
    for (const account of ['exp01pro', 'exp20pro']) {
      assert.equal(kinit(site, account).status, 0)
      assert.equal(ssh(site, account, account, 'node01.sandbox.test', 'id').status, 0)
    }
    assert.match(
      readFileSync(join(dir, 'nodes/node01.sandbox.test/sshd/sshd_config'), 'utf8'),
      /^MaxStartups 3:100:3$/m,
    )
  }
  rmSync(dir, { recursive: true })
})
