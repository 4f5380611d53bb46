import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Permanent, Transient } from '../../../../shared/contracts/errors.ts'
import { leftOvers, stickyDirectory, tokenFiles, victim } from './place-here.ts'
import { rsyncHere } from './rsync-here.ts'

const content = 'hvs.only-in-the-file'
const reason =
  (code: string, kind: typeof Permanent | typeof Transient, message = /./) =>
  (error: Permanent | Transient) => {
    assert.ok(error instanceof kind, error.message)
    assert.equal(error.failure.code, code, error.message)
    assert.match(error.message, message)
    assert.ok(!error.message.includes(content) && !error.message.includes('\n'))
    return true
  }

describe('pushing by rsync', () => {
  it('puts both files there with mode 0400, the token in no word of a program, and nothing is left here', async (t) => {
    const directory = stickyDirectory(t)
    const files = tokenFiles(directory, content)
    const here = rsyncHere(t)
    assert.equal(await here.push(files), undefined)
    for (const { path } of files) {
      assert.equal(readFileSync(path, 'utf8'), `${content}\n`)
      assert.deepEqual([lstatSync(path).mode & 0o7777, lstatSync(path).uid], [0o400, victim])
    }
    assert.ok(!here.words().includes(content))
    assert.equal(here.words().match(/^rsync$/gm)?.length, 3, 'who it is there, the files, the look')
  })

  it('leaves the newline out where it is to', async (t) => {
    const path = join(stickyDirectory(t), 'token')
    assert.equal(await rsyncHere(t).push([{ path, mode: '400', content, newline: false }]), undefined)
    assert.equal(readFileSync(path, 'utf8'), content)
  })

  it('makes one rsync of each directory, however many files go there', async (t) => {
    const [one, other] = [stickyDirectory(t), stickyDirectory(t)]
    const here = rsyncHere(t)
    const role = { path: join(other, 'role'), mode: '644', content: 'production', optional: true } as const
    assert.equal(await here.push([...tokenFiles(one, content), role]), undefined)
    assert.equal(readFileSync(role.path, 'utf8'), 'production\n')
    assert.equal(here.words().match(/^rsync$/gm)?.length, 5)
  })

  it('replaces an older token, also one of the same size and time', async (t) => {
    const directory = stickyDirectory(t)
    const here = rsyncHere(t)
    await here.push(tokenFiles(directory, 'hvs.old'))
    await here.push(tokenFiles(directory, 'hvs.new'))
    for (const { path } of tokenFiles(directory)) assert.equal(readFileSync(path, 'utf8'), 'hvs.new\n')
    assert.equal(readdirSync(directory).length, 2)
  })

  it('asks again where rsync could not write and did not say why, and never takes that for somebody’s file', async (t) => {
    const directory = stickyDirectory(t)
    /** Does as rsync does whose node cannot write, at the first `times` copies. */
    const muteFor = (times: number) => {
      const program = join(stickyDirectory(t), 'rsync')
      const script = `#!/bin/sh
case "$*" in *--ignore-times*) echo >>"$0.copies"; [ $(wc -l <"$0.copies") -gt ${times} ] || { echo 'Authorized use only.' >&2; exit 11; } ;; esac
exec rsync "$@"
`
      writeFileSync(program, script, { mode: 0o755 })
      return rsyncHere(t, '', '', program)
    }
    await rsyncHere(t).push(tokenFiles(directory, 'hvs.old'))
    await assert.rejects(
      muteFor(3).push(tokenFiles(directory, content)),
      reason('push-failed', Transient, /could not write there, and did not say why/),
    )
    await muteFor(2).push(tokenFiles(directory, content))
    for (const { path } of tokenFiles(directory)) assert.equal(readFileSync(path, 'utf8'), `${content}\n`)
  })

  it('says of a directory in which the account may not write that it may not', async (t) => {
    const directory = join(stickyDirectory(t), 'of-root')
    mkdirSync(directory, { mode: 0o755 })
    await assert.rejects(
      rsyncHere(t).push(tokenFiles(directory, content)),
      reason('destination-unwritable', Permanent, /^dunepro cannot write in the directory of /),
    )
  })

  it('writes nothing where the account has another UID', async (t) => {
    const directory = stickyDirectory(t)
    await assert.rejects(
      rsyncHere(t).push(tokenFiles(directory, content), 4711),
      reason('wrong-owner', Permanent, /dunepro has UID 61234 on node1.lab.example, not 4711/),
    )
    assert.deepEqual(readdirSync(directory), [])
  })

  it('only warns where the optional file cannot be written', async (t) => {
    const directory = stickyDirectory(t)
    const role = { path: '/nowhere/role', mode: '644', content: 'production', optional: true } as const
    const warning = await rsyncHere(t).push([...tokenFiles(directory, content), role])
    assert.match(warning ?? '', /^\/nowhere\/role could not be written on node1.lab.example/)
  })

  it('says that a directory is not there', async (t) => {
    await assert.rejects(
      rsyncHere(t).push(tokenFiles('/nowhere', content)),
      reason('destination-missing', Permanent, /The directory of \/nowhere\/vt_u61234 .* does not exist/),
    )
  })

  it('is no success where the copy only claims to be one', async (t) => {
    const directory = stickyDirectory(t)
    const files = tokenFiles(directory, content)
    const role = 'fileCopierOptionsOverride: --existing'
    await assert.rejects(rsyncHere(t, '', role).push(files), reason('destination-squatted', Permanent))
  })

  it('cannot be told by the operator’s words to write into a file that is there', async (t) => {
    const directory = stickyDirectory(t)
    const files = tokenFiles(directory, content)
    await rsyncHere(t).push(files)
    const before = lstatSync(files[0].path).ino
    await rsyncHere(t, '', 'fileCopierOptionsOverride: --inplace --append').push(files)
    assert.notEqual(lstatSync(files[0].path).ino, before)
  })
})

describe('a push by rsync that is broken off', () => {
  const cases: Record<string, [string, string, typeof Transient | typeof Permanent]> = {
    'ssh’s own complaint': [
      'echo "ssh: connect to host node1 port 22: Connection refused" >&2; exit 255',
      'connection-refused',
      Transient,
    ],
    'a host key that changed': [
      'echo "Host key verification failed." >&2; exit 255',
      'host-key-unknown',
      Permanent,
    ],
    'a connection that is lost while it copies': [
      'if [ $step = 2 ]; then echo "Connection to node1 closed by remote host." >&2; exit 255; fi',
      'connection-lost',
      Transient,
    ],
    'a connection that is lost before the look': [
      'if [ $step = 3 ]; then echo "Connection to node1 closed by remote host." >&2; exit 255; fi',
      'connection-lost',
      Transient,
    ],
    'an account without rsync': ['set -- no-such-program', 'push-failed', Transient],
  }
  for (const [what, [before, code, kind]] of Object.entries(cases))
    it(`by ${what} is ${code}; each file is the old one or the new one`, async (t) => {
      const directory = stickyDirectory(t)
      await rsyncHere(t).push(tokenFiles(directory, 'hvs.old'))
      const here = rsyncHere(t, before)
      await assert.rejects(here.push(tokenFiles(directory, content)), reason(code, kind))
      for (const { path } of tokenFiles(directory))
        assert.match(readFileSync(path, 'utf8'), /^(hvs\.old|hvs\.only-in-the-file)\n$/)
      assert.deepEqual(leftOvers(directory), [])
    })
})
