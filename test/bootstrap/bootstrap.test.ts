import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type BootstrapSite, makeBootstrapSite } from '../support/bootstrap-site.ts'

describe('the bootstrap', () => {
  let site: BootstrapSite
  beforeEach(async () => {
    site = await makeBootstrapSite()
  })
  afterEach(() => site[Symbol.asyncDispose]())

  it('installs Node and the npm packages where the system has an old Node, and prints where Node is', async () => {
    await site.provide('node', 'echo v20.20.2')
    const { code, stdout, stderr } = await site.run()
    assert.equal(code, 0, stderr)
    assert.equal(stdout, `${join(site.root, '.node/bin/node')}\n`)
    assert.match(stderr, /installing Node 24.*\n.*installing npm packages/)
    const installs = await site.installs()
    assert.equal(installs.length, 2)
    for (const line of installs) assert.match(line, /--ignore-scripts/)
  })

  it('does nothing and says nothing when nothing is missing', async () => {
    await site.run()
    const installs = await site.installs()
    const { code, stderr } = await site.run()
    assert.equal(code, 0)
    assert.equal(stderr, '')
    assert.deepEqual(await site.installs(), installs)
  })

  it('uses the system’s Node when it is new enough', async () => {
    await site.provide('node', 'echo v26.0.1')
    const { code, stdout } = await site.run()
    assert.equal(code, 0)
    assert.match(stdout, /\/path\/node\n$/)
    assert.equal(existsSync(join(site.root, '.node')), false)
  })

  it('installs the npm packages again when the lockfile has changed, and Node when its version has', async () => {
    await site.run()
    await appendFile(join(site.root, 'package-lock.json'), '\n')
    await site.run()
    assert.equal((await site.installs()).length, 3)
    await appendFile(join(site.root, 'bootstrap/node-runtime/package.json'), '\n')
    await site.run()
    assert.equal((await site.installs()).length, 4)
  })

  it('installs once when two start at the same time', async () => {
    const both = await Promise.all([site.run(), site.run()])
    for (const { code, stderr } of both) assert.equal(code, 0, stderr)
    assert.equal((await site.installs()).length, 2)
  })

  it('says why npm failed and what to do by hand, and tries again the next time', async () => {
    await site.provide('node', 'echo v24.0.0')
    await site.provide('npm', 'echo "npm $*" >> "$NOTES"; echo "ENOTFOUND: no such registry"; exit 1')
    for (const tries of [1, 2]) {
      const { code, stdout, stderr } = await site.run()
      assert.equal(code, 1)
      assert.equal(stdout, '')
      assert.match(stderr, /could not install the npm packages/)
      assert.match(stderr, /\| ENOTFOUND: no such registry/)
      assert.match(stderr, /by hand: cd '.*\/project' && npm ci\n/)
      assert.equal((await site.installs()).length, tries)
    }
  })

  it('keeps to the lockfile with an npm that refuses it for its overrides, as Debian 12’s does', async () => {
    await site.provide('node', 'echo v24.0.0')
    const refusal =
      "echo 'npm ERR! `npm ci` can only install packages when your package.json and lock file are in sync.'"
    await site.provide(
      'npm',
      `echo "npm $*" >> "$NOTES"; case $1 in ci) ${refusal}; exit 1 ;; *) mkdir -p node_modules ;; esac`,
    )
    const { code, stderr } = await site.run()
    assert.equal(code, 0, stderr)
    assert.deepEqual(
      (await site.installs()).map((line) => line.split(' ')[1]),
      ['ci', 'install'],
    )
  })

  it('says that Node has to be installed where it cannot do so', async () => {
    await site.provide('uname', 'case $1 in -s) echo Linux ;; -m) echo riscv64 ;; esac')
    const { code, stderr } = await site.run()
    assert.equal(code, 1)
    assert.match(stderr, /Node 24 or newer is needed.*riscv64/)
    assert.match(stderr, /Install Node 24 or newer by hand/)
  })

  it('does not touch Debian packages for what needs none', async () => {
    await site.provide('apt-get', 'echo "apt-get $*" >> "$NOTES"')
    await site.run()
    assert.ok((await site.installs()).every((line) => line.startsWith('npm ')))
  })

  it('names the Debian packages to install where it is not root', async () => {
    await site.provide('id', 'echo 1000')
    await site.provide('apt-get', 'echo "apt-get $*" >> "$NOTES"')
    const { code, stderr } = await site.run('--programs')
    assert.equal(code, 1)
    assert.match(stderr, /only root can install them: .*krb5-user.* rsync/)
    assert.match(stderr, /as root, on Debian or Ubuntu: apt-get install .*krb5-user.* rsync/)
    assert.ok((await site.installs()).every((line) => line.startsWith('npm ')))
  })

  it('names what is missing where there is no apt-get', async () => {
    const { code, stderr } = await site.run('--programs')
    assert.equal(code, 1)
    assert.match(stderr, /there is no apt-get here: .*krb5-user/)
  })

  const asRoot = { skip: process.getuid?.() !== 0 && 'it keeps services stopped, which only root can' }

  it(
    'fetches the package lists only when it does not work without, and leaves no policy behind',
    asRoot,
    async () => {
      const policy = existsSync('/usr/sbin/policy-rc.d')
      await site.provide('apt-get', aptGet)
      const { code, stderr } = await site.run('--programs')
      assert.equal(code, 0, stderr)
      const calls = (await site.installs())
        .filter((line) => line.startsWith('apt-get'))
        .map((line) => line.split(' ')[1])
      assert.deepEqual(calls, ['install', 'update', 'install'])
      assert.equal(existsSync('/usr/sbin/policy-rc.d'), policy)
      assert.equal((await site.run('--programs')).stderr, '')
    },
  )

  it('shows what apt-get said when it failed, and leaves no policy behind', asRoot, async () => {
    const policy = existsSync('/usr/sbin/policy-rc.d')
    await site.provide('apt-get', 'echo "E: Unable to locate package rsync"; exit 100')
    const { code, stderr } = await site.run('--programs')
    assert.equal(code, 1)
    assert.match(stderr, /\| E: Unable to locate package rsync/)
    assert.match(stderr, /By hand, as root.*apt-get install .*rsync/)
    assert.equal(existsSync('/usr/sbin/policy-rc.d'), policy)
  })
})

/** Knows no package until its lists are fetched; then installs programs as stubs. */
const aptGet = `
echo "apt-get $*" >> "$NOTES"
case $1 in
update) touch "$NOTES.lists" ;;
install)
  [ -e "$NOTES.lists" ] || { echo "E: Unable to locate package"; exit 100; }
  for program in nats-server krb5kdc kadmin.local kinit sshd ssh rsync curl openssl busybox tcsh mount python3; do
    printf '#!/bin/sh\\n' > "$STUBS/$program"; chmod 755 "$STUBS/$program"
  done ;;
esac`
