import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { parseResults, placeInput, remoteCommand } from '../../../../services/distributor/transport/place.ts'
import { leftOvers, placeHere, stickyDirectory, tokenFiles, wrapProgram } from './place-here.ts'

describe('a connection that breaks', () => {
  /** How much of the input arrives, by where it ends. */
  const cuts: Record<string, (input: string) => string> = {
    'between the two files': (input) => lines(input, 4),
    'after the second name': (input) => lines(input, 1),
    'in the middle of the second token': (input) => input.slice(0, -3),
    'before the last newline': (input) => input.slice(0, -1),
    'in the middle of the first token': (input) => input.slice(0, input.indexOf('new') + 2),
    'before the data': (input) => input.slice(0, input.indexOf('#--') + 4),
    'in the middle of the script': (input) => input.slice(0, input.indexOf('mv -fT')),
    'before anything': () => '',
  }
  for (const [where, cut] of Object.entries(cuts)) {
    it(`${where} leaves both files old, nothing else, and no result`, async (t) => {
      const directory = stickyDirectory(t)
      await placeHere(tokenFiles(directory, 'old'))
      const files = tokenFiles(directory, 'new')
      const { results, code } = await placeHere(files, { cut })
      for (const { path } of files) assert.equal(readFileSync(path, 'utf8'), 'old\n')
      assert.deepEqual([...results], [])
      if (where !== 'before anything' && where !== 'in the middle of the script') assert.notEqual(code, 0)
      assert.deepEqual(leftOvers(directory), [])
    })
  }

  it('after all files of one directory leaves those new, and says so', async (t) => {
    const [directory, other] = [stickyDirectory(t), stickyDirectory(t)]
    const role = { path: join(other, 'role'), mode: '644', content: 'production' } as const
    const cut = (input: string) => input.slice(0, -1)
    const { results } = await placeHere([...tokenFiles(directory, 'new'), role], { cut })
    assert.deepEqual(
      [...results],
      [
        [1, 'ok'],
        [2, 'ok'],
      ],
    )
    for (const { path } of tokenFiles(directory)) assert.equal(readFileSync(path, 'utf8'), 'new\n')
    assert.deepEqual(readdirSync(other), [])
  })

  it('never leaves part of a file, wherever the input ends', async (t) => {
    const directory = stickyDirectory(t)
    await placeHere(tokenFiles(directory, 'old'))
    const files = tokenFiles(directory, 'new')
    const whole = placeInput(0, files)
    const [from, to] = [whole.indexOf('#--'), whole.length - 1]
    for (let i = 0; i <= 12; i += 1) {
      const end = from + Math.floor(((to - from) * i) / 12)
      const { results } = await placeHere(files, { cut: (input) => input.slice(0, end) })
      assert.notEqual(results.get(2), 'ok', `cut at ${end}`)
      for (const { path } of files) assert.match(readFileSync(path, 'utf8'), /^(old|new)\n$/)
    }
    assert.deepEqual(leftOvers(directory), [])
  })

  it('takes its private directory away when sshd hangs up in the middle', async (t) => {
    const directory = stickyDirectory(t)
    const [file] = tokenFiles(directory)
    const hangUp = wrapProgram(t, 'mv', 'kill -HUP 0')
    const { results, code } = await placeHere([file], { path: [hangUp] })
    assert.notEqual(code, 0)
    assert.notEqual(results.get(1), 'ok')
    assert.deepEqual(leftOvers(directory), [])
  })
})

describe('a script that is held up on the node', () => {
  const shells = { dash: '/bin/dash', 'bash as sh': '/bin/bash --posix', 'busybox sh': '/bin/busybox sh' }
  for (const [name, shell] of Object.entries(shells)) {
    it(`by a connection that stands still ends by itself, in ${name}`, async (t) => {
      const [directory, other] = [stickyDirectory(t), stickyDirectory(t)]
      const files = [...tokenFiles(directory, 'new'), ...tokenFiles(other, 'never')]
      const cut = (input: string) => input.slice(0, -1)
      const { results, code } = await placeHere(files, { cut, shell, isStuck: true, timeoutMs: 2_000 })
      assert.notEqual(code, 0)
      assert.equal(results.get(3), undefined)
      assert.deepEqual(readdirSync(other), [])
      assert.deepEqual(leftOvers(directory), [])
    })

    it(`by a program that hangs ends by itself, with that program, in ${name}`, async (t) => {
      const directory = stickyDirectory(t)
      const hangs = wrapProgram(t, 'mv', 'exec sleep 600')
      const { results, code } = await placeHere(tokenFiles(directory, 'never'), {
        ...{ shell, timeoutMs: 2_000, path: [hangs] },
      })
      assert.notEqual(code, 0)
      assert.notEqual(results.get(1), 'ok')
      assert.deepEqual(readdirSync(directory), [])
    })
  }
})

/** The input without its last `count` lines. */
const lines = (input: string, count: number): string =>
  input
    .split('\n')
    .slice(0, -1 - count)
    .concat('')
    .join('\n')

describe('a full disk', () => {
  it('says disk-full where the quota is met by the private directory already', async (t) => {
    const directory = stickyDirectory(t)
    const complaint = "mkdir: cannot create directory './x': Disk quota exceeded"
    const mkdir = wrapProgram(t, 'mkdir', `echo "${complaint}" >&2; exit 1`)
    const { results } = await placeHere(tokenFiles(directory), { path: [mkdir] })
    assert.deepEqual([...results.values()], ['disk-full', 'disk-full'])
    assert.deepEqual(readdirSync(directory), [])
  })

  const limits = { 'no blocks are left': 'size=16k', 'no inodes are left': 'size=64k,nr_inodes=4' }
  for (const [what, limit] of Object.entries(limits))
    for (const shell of ['/bin/dash', '/bin/bash --posix']) {
      it(`says disk-full in ${shell} when ${what}, and the old token stays`, async (t) => {
        const directory = join(stickyDirectory(t), 'full')
        mkdirSync(directory)
        const path = join(directory, 'vt')
        // A mount of its own, in a namespace that ends with the process.
        const script = [
          `mount -t tmpfs -o ${limit},mode=1777 none ${directory}`,
          `echo old >${path}`,
          `for i in 1 2 3 4; do dd if=/dev/zero of=${directory}/fill$i bs=4k count=${limit.includes('inodes') ? 0 : 9}; done 2>/dev/null`,
          `sh -c "$COMMAND"`,
          `echo "code $?"; cat ${path}; ls -A ${directory} | grep -v fill`,
        ].join('\n')
        const child = spawn('unshare', ['-m', 'sh', '-c', script], {
          env: {
            PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
            HOME: '/',
            COMMAND: remoteCommand(60_000).replace('/bin/sh', shell),
          },
        })
        child.stdin.end(placeInput(0, [{ path, mode: '400', content: 'n'.repeat(6_000) }]))
        const [said, complaints] = await Promise.all([text(child.stdout), text(child.stderr)])
        assert.deepEqual([...parseResults(said)], [[1, 'disk-full']], complaints)
        assert.match(said, /code 0\nold\nvt\n$/)
        assert.ok(!existsSync(path), 'the mount stayed in its namespace')
      })
    }
})
