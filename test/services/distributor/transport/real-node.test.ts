import assert from 'node:assert/strict'
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Permanent, Transient } from '../../../../shared/contracts/errors.ts'
import type { ReasonCode } from '../../../../shared/contracts/reasons.ts'
import { eventually } from '../../../support/latch.ts'
import { type RealNode, startRealNode, uid } from './real-node.ts'

const is = (code: ReasonCode) => (error: Permanent | Transient) => {
  assert.equal(error.failure?.code, code, error.stack ?? error.message)
  return true
}

const saying = (code: ReasonCode, words: RegExp) => (error: Permanent | Transient) => {
  assert.match(error.message, words)
  return is(code)(error)
}

describe('pushes to a real node', () => {
  let node: RealNode
  before(async () => {
    node = await startRealNode()
  })
  after(() => node[Symbol.asyncDispose]())
  const both = (content: string) => ({ first: content, second: content })

  for (const transport of ['ssh', 'rsync'] as const)
    it(`put both files there by ${transport}`, async () => {
      assert.equal(await node.push(`hvs.by-${transport}`, { transport }), undefined)
      assert.deepEqual(node.read(), both(`hvs.by-${transport}`))
      const { mode, uid: owner } = lstatSync(join(node.tmp(), `vt_u${uid}`))
      assert.deepEqual([mode & 0o7777, owner], [0o400, uid])
    })

  for (const transport of ['ssh', 'rsync'] as const)
    it(`ask the node for a UID that nobody has told, by ${transport}`, async () => {
      assert.equal(await node.push(`hvs.asked-by-${transport}`, { transport, uid: 'asked' }), undefined)
      assert.deepEqual(node.read(), both(`hvs.asked-by-${transport}`))
    })

  it('write nothing where the account has another UID, by either transport; the next one is good', async () => {
    await node.push('hvs.before')
    for (const transport of ['ssh', 'rsync'] as const)
      await assert.rejects(node.push('hvs.x', { transport, uid: 4_711 }), is('wrong-owner'))
    assert.deepEqual(node.read(), both('hvs.before'))
    assert.ok(!existsSync(join(node.tmp(), 'vt_u4711')))
    await node.push('hvs.after')
    assert.deepEqual(node.read(), both('hvs.after'))
  })

  it('go by rsync where the account may do nothing else', async (t) => {
    t.after(() => node.setShell())
    node.setShell(
      'case "$2" in "rsync --server"*) exec /bin/sh -c "$2" ;; *) echo "rsync only" >&2; exit 1 ;; esac',
    )
    await assert.rejects(node.push('hvs.not-this'), is('shell-failed'))
    await node.push('hvs.rsync-only', { transport: 'rsync' })
    assert.deepEqual(node.read(), both('hvs.rsync-only'))
  })

  it('are refused for an account that may not log in', async (t) => {
    t.after(() => node.setShellTo('/bin/bash'))
    node.setShellTo('/usr/sbin/nologin')
    await assert.rejects(node.push('hvs.x'), is('login-refused'))
    await assert.rejects(node.push('hvs.x', { transport: 'rsync' }), /shell .* refuses the login/)
  })

  it('are refused where the account is gone, and nothing is written', async (t) => {
    await node.push('hvs.before')
    t.after(node.removeAccount())
    for (const transport of ['ssh', 'rsync'] as const)
      for (const known of [uid, 'asked'] as const)
        await assert.rejects(node.push('hvs.x', { transport, uid: known }), is('account-unknown'))
    assert.deepEqual(node.read(), both('hvs.before'))
  })

  it('are refused where the account’s .k5login or the node’s keytab is wrong, and say which of them', async (t) => {
    const k5login = join(node.home, '.k5login')
    const good = readFileSync(k5login)
    t.after(() => writeFileSync(k5login, good))
    writeFileSync(k5login, 'somebody@SANDBOX.TEST\n')
    await assert.rejects(
      node.push('hvs.x'),
      saying('kerberos-refused', /dunepro does not let .* in: \.k5login/),
    )
    writeFileSync(k5login, good)
    t.after(await node.removeKeytab())
    await assert.rejects(node.push('hvs.x'), saying('kerberos-refused', /keytab/))
  })

  it('are refused where the KDC does not know the node, and it is not the account’s fault', async () => {
    const calledAs = 'no-principal.sandbox.test'
    const says = /no Kerberos ticket for the node: Server host\/no-principal\.sandbox\.test@.* not found/
    await assert.rejects(node.push('hvs.x', { calledAs }), saying('kerberos-refused', says))
  })

  it('that go through a jump host name who is away, the node or that host', async (t) => {
    await node.push('hvs.through', { isJumping: true })
    assert.deepEqual(node.read(), both('hvs.through'))
    await node.stop()
    t.after(node.start)
    const deadNode =
      /way leads through a jump host .*channel 0: open failed: connect failed: Connection refused/
    await assert.rejects(node.push('hvs.x', { isJumping: true }), saying('node-unreachable', deadNode))
    await node.stopJumpHost()
    t.after(node.startJumpHost)
    const deadHost = /way leads through a jump host .*ssh: connect to host \S+ port \d+: Connection refused/
    await assert.rejects(node.push('hvs.x', { isJumping: true }), saying('node-unreachable', deadHost))
  })

  it('are good whatever start-up files print, and however much of it', async (t) => {
    const rc = join(node.home, '.bashrc')
    t.after(() => rmSync(rc, { force: true }))
    const noise = 'head -c 300000 /dev/zero | tr "\\0" x'
    const words = 'kex_exchange_identification: Connection closed by remote host'
    writeFileSync(rc, `echo '${words}'; ${noise}; ${noise} >&2; printf '\\n${words}' >&2\n`)
    await node.push('hvs.noise')
    assert.deepEqual(node.read(), both('hvs.noise'))
    const cshrc = join(node.home, '.cshrc')
    t.after(() => {
      rmSync(cshrc, { force: true })
      node.setShellTo('/bin/bash')
    })
    writeFileSync(cshrc, `echo "managed-tokens: welcome"; ${noise}\n`)
    node.setShellTo('/bin/tcsh')
    await node.push('hvs.csh')
    assert.deepEqual(node.read(), both('hvs.csh'))
  })

  describe('that meet a login shell which is not one', () => {
    const files: Record<string, readonly [string, RegExp]> = {
      'a start-up file that exits': ['exit 1', /ended with code 1 and said nothing/],
      'a start-up file that reads all there is': ['cat >/dev/null', /ended as if all were well/],
      'a start-up file that becomes another shell': ['exec sh', /login shell of dunepro/],
      'a start-up file that becomes a shell which is not there': [
        'exec zsh-of-mine',
        /zsh-of-mine: not found/,
      ],
      'a start-up file that speaks like ssh': [
        'echo "kex_exchange_identification: Connection closed by remote host" >&2; exit 255',
        /login shell of dunepro/,
      ],
    }
    for (const [what, [text, says]] of Object.entries(files))
      it(`say so, with what it said: ${what}`, async (t) => {
        const rc = join(node.home, '.bashrc')
        t.after(() => rmSync(rc, { force: true }))
        writeFileSync(rc, `${text}\n`)
        await assert.rejects(node.push('hvs.x'), saying('shell-failed', says))
      })
    it('say so, with what it said: a program that ends', async (t) => {
      t.after(() => node.setShellTo('/bin/bash'))
      node.setShellTo('/bin/false')
      await assert.rejects(node.push('hvs.x'), saying('shell-failed', /ended with code 1 and said nothing/))
    })
    it('are refused where sshd lets the account do sftp alone', async (t) => {
      t.after(await node.configure('ForceCommand internal-sftp'))
      await assert.rejects(node.push('hvs.x'), saying('login-refused', /allows sftp connections only/))
    })
  })

  it('go nowhere when the host key is another one, which no try makes the known one', async (t) => {
    await node.push('hvs.before')
    t.after(node.forgeHostKey())
    for (const transport of ['ssh', 'rsync', 'ssh'] as const)
      await assert.rejects(node.push('hvs.x', { transport }), is('host-key-changed'))
    assert.deepEqual(node.read(), both('hvs.before'))
  })

  it('say that the node can start no process', async (t) => {
    t.after(() => node.setShell())
    node.setShell('ulimit -p 1; exec /bin/sh "$@"')
    await assert.rejects(node.push('hvs.x'), (error: Transient) => {
      assert.match(error.message, /fork/i)
      return error instanceof Transient
    })
  })

  it('that meet a full disk leave the old token whole, say so, and work when there is room', async () => {
    await node.push('hvs.before-full')
    await node.restartWithTmp('16k')
    const filler = join(node.tmp(), 'filler')
    for (const transport of ['ssh', 'rsync'] as const) {
      assert.throws(() => writeFileSync(filler, Buffer.alloc(64 * 1024)), { code: 'ENOSPC' })
      await assert.rejects(node.push('hvs.too-much', { transport }), is('disk-full'))
      assert.deepEqual(node.read(), both('hvs.before-full'))
      rmSync(filler)
    }
    await node.push('hvs.room')
    assert.deepEqual(node.read(), both('hvs.room'))
    assert.deepEqual(readdirSync(node.tmp()).length, 2)
  })

  it('whose sshd dies between the two files leave each whole; the next one heals it', async (t) => {
    t.after(() => node.setShell())
    await node.push('hvs.old')
    const [held, bin] = [join(node.home, 'held'), join(node.home, 'bin')]
    // The second rename on the node waits for ever.
    node.setShell(`mkdir -p ${at('bin')}
printf '%s\\n' '#!/bin/sh' 'if [ -e ${at('once')} ]; then : >${at('held')}; sleep 300; fi' ': >${at('once')}' 'exec /bin/mv "$@"' >${at('bin')}/mv
chmod 755 ${at('bin')}/mv
PATH=${at('bin')}:$PATH exec /bin/sh "$@"`)
    const lost = assert.rejects(node.push('hvs.new'), is('connection-lost'))
    await eventually(async () => existsSync(held), 'the second rename is held', 60_000)
    await node.stop()
    await lost
    assert.deepEqual(node.read(), { first: 'hvs.new', second: 'hvs.old' })
    await assert.rejects(node.push('hvs.new'), is('connection-refused'))
    await node.start()
    rmSync(bin, { recursive: true })
    node.setShell()
    await node.push('hvs.new')
    assert.deepEqual(node.read(), both('hvs.new'))
  })

  it('that are ended here in the middle leave each file whole', async (t) => {
    t.after(() => node.setShell())
    await node.push('hvs.old')
    node.setShell('touch "$HOME/begun"; sleep 0.3; exec /bin/sh "$@"')
    rmSync(join(node.home, 'begun'), { force: true })
    const stop = new AbortController()
    const ended = assert.rejects(node.push('hvs.newer', { signal: stop.signal }))
    await eventually(async () => existsSync(join(node.home, 'begun')), 'the node has begun', 60_000)
    stop.abort()
    await ended
    for (const content of Object.values(node.read())) assert.match(content, /^hvs\.(old|newer)$/)
  })

  describe('over a connection that is kept', () => {
    it('log in once, by either transport, also where one session at a time is allowed, and the connection ends when it is closed', async () => {
      const before = node.logins()
      for (const transport of ['ssh', 'rsync', 'ssh'] as const)
        await node.push(`hvs.kept-${transport}`, { transport, keep: true })
      assert.deepEqual(node.read(), both('hvs.kept-ssh'))
      assert.equal(node.logins(), before + 1)
      assert.equal(readdirSync(node.connections).length, 1)
      await node.closeConnections()
      assert.deepEqual(readdirSync(node.connections), [])
    })
    it('make a new one when it is gone', async () => {
      await node.push('hvs.one', { keep: true })
      await node.stop()
      await assert.rejects(node.push('hvs.two', { keep: true }))
      await node.start()
      await node.push('hvs.three', { keep: true })
      assert.deepEqual(node.read(), both('hvs.three'))
      await node.closeConnections()
    })
  })
})

/** A path in the account's home, as the node sees it. */
const at = (name: string) => `/home/dunepro/${name}`
