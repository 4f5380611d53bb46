/** What is shipped for production, as the programs that read it judge it: compose, systemd, logrotate, a current nats-server. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createUser } from '@nats-io/nkeys'
import { keyVariable } from '../../shared/bus/nats-conf.ts'
import { natsUsers } from '../../shared/bus/permissions.ts'
import { daemons } from '../../shared/contracts/subjects.ts'
import { goProgram, installPackages, run } from './support/real-programs.ts'

const root = join(import.meta.dirname, '..', '..')
const deploy = join(root, 'deploy')

describe('deployment', () => {
  let directory: string
  before(() => {
    installPackages(['docker-compose', 'logrotate', 'systemd'])
    directory = mkdtempSync(join(tmpdir(), 'mt-deploy-'))
  })
  after(() => rmSync(directory, { recursive: true, force: true }))

  it('docker-compose understands compose.yaml', () => {
    const project = join(directory, 'project')
    cpSync(join(root, 'compose.yaml'), join(project, 'compose.yaml'), { recursive: true })
    const secrets = join(project, 'deploy/compose/secrets')
    mkdirSync(secrets, { recursive: true })
    writeFileSync(join(secrets, 'keys.env'), 'NATS_REFRESHER_KEY=U\n')
    const merged = run('docker-compose', ['-f', 'compose.yaml', 'config'], { cwd: project })
    for (const daemon of daemons) assert.match(merged, new RegExp(`^ {2}${daemon}:$`, 'm'))
    assert.match(merged, /NATS_REFRESHER_KEY: U/)
  })

  for (const unit of [...daemons.map((daemon) => `managed-tokens@${daemon}.service`), 'nats-server.service'])
    it(`systemd finds no fault with ${unit}, and little that it could do to the machine`, () => {
      const units = join(directory, `units-${unit}`)
      cpSync(join(deploy, 'systemd'), units, { recursive: true })
      const template = join(units, 'managed-tokens@.service')
      // Programs are looked for where they will be installed.
      const text = readFileSync(template, 'utf8').replaceAll(
        '=/opt/managed-tokens-daemons/bin',
        `=${root}/bin`,
      )
      writeFileSync(template, text)
      const said = run('sh', ['-c', 'systemd-analyze verify "./$1" 2>&1', 'sh', unit], { cwd: units })
      assert.equal(said, '')
      const security = ['security', '--offline=yes', '--threshold=20', '--no-pager', `./${unit}`]
      assert.match(run('systemd-analyze', security, { cwd: units }), /exposure level .* OK/)
    })

  it('systemd verifies the target of all four', () => {
    const said = run('sh', ['-c', 'systemd-analyze verify ./managed-tokens.target 2>&1 || true'], {
      cwd: join(deploy, 'systemd'),
    })
    // The daemons it wants are not installed here; nothing else is found.
    for (const line of said.split('\n').filter(Boolean))
      assert.match(line, /opt\/managed-tokens-daemons\/bin/)
  })

  it('logrotate turns the daemons’ files over and tells the daemons', () => {
    const logs = join(directory, 'logs')
    const own = join(logs, 'storer')
    mkdirSync(own, { recursive: true })
    for (const one of [logs, own]) chmodSync(one, 0o755)
    writeFileSync(join(own, 'storer.log'), 'a line\n')
    writeFileSync(join(logs, 'token-push.log'), 'the predecessor’s\n')
    const told = join(directory, 'told')
    const text = readFileSync(join(deploy, 'logrotate/managed-tokens-daemons'), 'utf8')
      .replaceAll('/var/log/managed-tokens', logs)
      .replace(/su managed-tokens-\w+ managed-tokens/g, 'su root root')
      .replace(/systemctl (.*)/g, `echo "$1" >> ${told}`)
    const conf = join(directory, 'logrotate.conf')
    writeFileSync(conf, text, { mode: 0o644 })
    // The predecessor's, which names its own file, says nothing against ours.
    const theirs = join(directory, 'predecessor.conf')
    writeFileSync(
      theirs,
      `${join(logs, 'token-push.log')} {\n  su root root\n  weekly\n  rotate 5\n  dateext\n}\n`,
      {
        mode: 0o644,
      },
    )
    run('logrotate', ['--force', '--state', join(directory, 'logrotate.state'), theirs, conf])
    assert.equal(readFileSync(join(own, 'storer.log.1'), 'utf8'), 'a line\n')
    const names = [...readdirSync(own), ...readdirSync(logs)].sort()
    assert.deepEqual(
      names.map((name) => name.replace(/-\d{8}$/, '-DATE')),
      ['storer', 'storer.log.1', 'token-push.log-DATE'],
    )
    assert.match(readFileSync(told, 'utf8'), /^kill .*HUP managed-tokens@storer\.service$/m)
  })

  it('a current nats-server reads the shipped configuration as it is', () => {
    const nats = join(directory, 'nats')
    cpSync(join(deploy, 'nats'), nats, { recursive: true })
    run('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...['-subj', '/CN=localhost', '-keyout', join(nats, 'server.key'), '-out', join(nats, 'server.pem')],
    ])
    const conf = join(nats, 'nats-server.conf')
    writeFileSync(conf, readFileSync(conf, 'utf8').replaceAll('/etc/nats/tls', nats))
    cpSync(join(deploy, 'compose/nats-server.conf'), join(nats, 'compose.conf'))
    const keys = natsUsers.map((user) => [keyVariable(user), createUser().getPublicKey()])
    for (const file of ['nats-server.conf', 'compose.conf'])
      execFileSync(goProgram('nats-server'), ['-t', '-c', join(nats, file)], {
        env: { PATH: process.env.PATH, ...Object.fromEntries(keys) },
        stdio: 'pipe',
      })
  })
})
