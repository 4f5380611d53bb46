import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { parseResults, placeInput, remoteCommand } from '../../../services/distributor/place.ts'
import { leftOvers, placeHere, stickyDirectory, tokenFiles, wrapProgram } from './place-here.ts'

describe('a connection that breaks', () => {
  /** How much of the input arrives, by where it ends. */
  const cuts: Record<string, { cut: (input: string) => string; first: string; second: string }> = {
    'between the two files': { cut: (input) => lines(input, -4), first: 'new\n', second: 'old\n' },
    'after the second path': { cut: (input) => lines(input, -3), first: 'new\n', second: 'old\n' },
    'after the second mode': { cut: (input) => lines(input, -2), first: 'new\n', second: 'old\n' },
    'in the middle of the second token': {
      cut: (input) => input.slice(0, -3),
      first: 'new\n',
      second: 'old\n',
    },
    'before the last newline': { cut: (input) => input.slice(0, -1), first: 'new\n', second: 'old\n' },
    'in the middle of the first token': {
      cut: (input) => lines(input, -5).concat('ne'),
      first: 'old\n',
      second: 'old\n',
    },
    'before the data': {
      cut: (input) => input.slice(0, input.indexOf('#--') + 4),
      first: 'old\n',
      second: 'old\n',
    },
    'in the middle of the script': {
      cut: (input) => input.slice(0, input.indexOf('mv -fT')),
      first: 'old\n',
      second: 'old\n',
    },
    'before anything': { cut: () => '', first: 'old\n', second: 'old\n' },
  }
  for (const [where, { cut, first, second }] of Object.entries(cuts)) {
    it(`${where} leaves each file old or new, nothing else, and no result of what did not arrive`, async (t) => {
      const directory = stickyDirectory(t)
      await placeHere(tokenFiles(directory, 'old'))
      const files = tokenFiles(directory, 'new')
      const { results, code } = await placeHere(files, { cut })
      assert.deepEqual(
        files.map(({ path }) => readFileSync(path, 'utf8')),
        [first, second],
      )
      assert.deepEqual([...results], first === 'new\n' ? [[1, 'ok']] : [])
      if (where !== 'before anything' && where !== 'in the middle of the script') assert.notEqual(code, 0)
      assert.deepEqual(leftOvers(directory), [])
    })
  }

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

  it('takes its temporary file away when sshd hangs up in the middle', async (t) => {
    const directory = stickyDirectory(t)
    const [file] = tokenFiles(directory)
    const hangUp = wrapProgram(t, 'mv', 'kill -HUP 0')
    const { results, code } = await placeHere([file], { path: [hangUp] })
    assert.notEqual(code, 0)
    assert.notEqual(results.get(1), 'ok')
    assert.deepEqual(leftOvers(directory), [])
  })
})

/** The input without its last `-count` lines. */
function lines(input: string, count: number): string {
  return `${input
    .trimEnd()
    .split('\n')
    .slice(0, count + 1)
    .join('\n')}\n`
}

describe('a full disk', () => {
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
            COMMAND: remoteCommand.replace('/bin/sh', shell),
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
