import assert from 'node:assert/strict'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { placeInput } from '../../../../services/distributor/transport/place.ts'
import { leftOvers, placeHere, stickyDirectory, tokenFiles, victim, wrapProgram } from './place-here.ts'

const modeOf = (path: string) => lstatSync(path).mode & 0o7777

/** Debian has dash and bash; what else a node may have is tried where it is installed. */
const shells: Record<string, string> = {
  dash: '/bin/dash',
  'bash as sh': '/bin/bash --posix',
  'busybox sh': '/bin/busybox sh',
}
const loginShells: Record<string, string[]> = {
  dash: ['/bin/dash'],
  bash: ['/bin/bash'],
  tcsh: ['/bin/tcsh'],
}

describe('placing files on a node', () => {
  for (const [name, shell] of Object.entries(shells)) {
    it(`puts them there whole, with their modes and a newline, in ${name}`, async (t) => {
      const directory = stickyDirectory(t)
      const role = {
        path: join(directory, 'jobsub_default_role_dune'),
        mode: '644',
        content: 'production',
      } as const
      const { code, results } = await placeHere([...tokenFiles(directory), role], { as: victim, shell })
      assert.equal(code, 0)
      assert.deepEqual(
        [...results],
        [
          [1, 'ok'],
          [2, 'ok'],
          [3, 'ok'],
        ],
      )
      for (const { path, content } of tokenFiles(directory)) {
        assert.equal(readFileSync(path, 'utf8'), `${content}\n`)
        assert.equal(modeOf(path), 0o400)
        assert.equal(lstatSync(path).uid, victim)
      }
      assert.equal(readFileSync(role.path, 'utf8'), 'production\n')
      assert.equal(modeOf(role.path), 0o644)
      assert.deepEqual(leftOvers(directory), [])
    })

    it(`leaves the newline out where it is to, and replaces one form by the other, in ${name}`, async (t) => {
      const directory = stickyDirectory(t)
      const file = {
        path: join(directory, 'token'),
        mode: '400',
        content: '{"access_token":"a.b.c"}',
      } as const
      for (const newline of [false, true, false]) {
        const { results } = await placeHere([{ ...file, newline }], { as: victim, shell })
        assert.deepEqual([...results.values()], ['ok'])
        assert.equal(readFileSync(file.path, 'utf8'), `${file.content}${newline ? '\n' : ''}`)
        assert.equal(modeOf(file.path), 0o400)
      }
      assert.deepEqual(leftOvers(directory), [])
    })
  }

  // Between single quotes only `!` and a newline mean something to csh and its kin, and the command has neither.
  for (const [name, loginShell] of Object.entries(loginShells)) {
    it(`works for an account whose login shell is ${name}`, async (t) => {
      const directory = stickyDirectory(t)
      const { results } = await placeHere(tokenFiles(directory), { as: victim, loginShell })
      assert.deepEqual([...results.values()], ['ok', 'ok'])
    })
  }

  it('keeps every byte that a shell, printf or echo might read as its own', async (t) => {
    const directory = stickyDirectory(t)
    const content = String.raw`hvs.a\nb\\c\0101%s%n$(id)'"*?~[!]{}!!-n;&|<>#\``
    const { results } = await placeHere([{ path: join(directory, 'vt'), mode: '400', content }])
    assert.deepEqual([...results.values()], ['ok'])
    assert.equal(readFileSync(join(directory, 'vt'), 'utf8'), `${content}\n`)
  })

  const noWords: Record<string, string> = {
    'a line break, behind which a file of choice would be named': 'hvs.x\n2\n644\n.bash_profile\ncurl',
    'a blank': 'hvs.x y',
    'a tab': 'hvs.x\ty',
    'no letter at all': '',
    'a letter beyond ASCII': 'hvs.é',
    'an escape': 'hvs.\u001b[2J',
    'a carriage return': 'hvs.x\r',
  }
  for (const [what, bad] of Object.entries(noWords)) {
    it(`refuses a token with ${what}, before anything is sent`, () => {
      const files = tokenFiles('/tmp', bad)
      assert.throws(() => placeInput(0, files), { message: /is not one word/, name: 'Permanent' })
    })
    it(`makes no file of a token with ${what} on the node either, whoever sends it`, async (t) => {
      const directory = stickyDirectory(t)
      const cut = (input: string) => input.replaceAll('the-token', bad)
      const { results } = await placeHere(tokenFiles(directory, 'the-token'), { cut })
      for (const result of results.values()) assert.match(result, /^other its content is not one word/)
      assert.deepEqual(readdirSync(directory), [])
    })
  }

  it('places nothing as another user than the expected one, and says which it is', async (t) => {
    const directory = stickyDirectory(t)
    const { results } = await placeHere(tokenFiles(directory), { as: victim, expected: victim + 1 })
    assert.deepEqual([...results], [[0, `wrong-owner ${victim}`]])
    assert.deepEqual(readdirSync(directory), [])
  })

  it('says of a directory that is not there that it is not there', async (t) => {
    const directory = stickyDirectory(t)
    const { results } = await placeHere([{ path: join(directory, 'no/vt'), mode: '400', content: 'x' }])
    assert.deepEqual([...results.values()], ['no-directory'])
  })

  it('says of a directory in which the account may not write that it may not', async (t) => {
    const directory = join(stickyDirectory(t), 'of-root')
    mkdirSync(directory, { mode: 0o755 })
    const { results } = await placeHere(tokenFiles(directory), { as: victim })
    for (const result of results.values()) assert.match(result, /^unwritable mkdir: .*Permission denied$/)
  })

  const noises: Record<string, string> = {
    'a message of the day': '**\nWelcome to node1\n**\n',
    'a line without its end, as a terminal title is': ']0;node1',
    'a line that looks like a result': 'managed-tokens: 2 other noise\n',
  }
  for (const [what, noise] of Object.entries(noises)) {
    it(`passes over ${what} on stdout`, async (t) => {
      const directory = stickyDirectory(t)
      const { results } = await placeHere(tokenFiles(directory), { as: victim, noise })
      assert.deepEqual([results.get(1), results.get(2)], ['ok', 'ok'])
    })
  }

  it('is understood on a node that speaks another language', async (t) => {
    const directory = stickyDirectory(t)
    const german = wrapProgram(
      t,
      'stat',
      `[ "$LC_ALL" = C ] || { echo "Reguläre Datei ${victim} 400 1"; exit 0; }`,
    )
    const { results } = await placeHere(tokenFiles(directory), {
      ...{ as: victim, path: [german] },
      env: { LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8' },
    })
    assert.deepEqual([...results.values()], ['ok', 'ok'])
  })

  it('never shows a reader the path absent, empty or torn', async (t) => {
    const directory = stickyDirectory(t)
    const contents = ['A', 'B', 'C', 'D'].map((letter) => letter.repeat(20_000))
    const file = tokenFiles(directory)[0]
    await placeHere([{ ...file, content: contents[0] ?? '' }])
    const known = new Set(contents.map((content) => `${content}\n`))
    let pushing = true
    let reads = 0
    const reading = (async () => {
      while (pushing) {
        for (let i = 0; i < 100; i += 1) assert.ok(known.has(readFileSync(file.path, 'utf8')))
        reads += 100
        await setImmediate()
      }
    })()
    // However busy this machine is: until it was looked at often enough to have been seen.
    for (let round = 0; round < 10 || reads < 5_000; round += 1)
      await placeHere(contents.map((content) => ({ ...file, content })))
    pushing = false
    await reading
  })

  it('shows its content to nobody: not in an argument list, not in a file that others may read', async (t) => {
    const directory = stickyDirectory(t)
    const log = join(directory, '..', 'seen')
    writeFileSync(log, '')
    chmodSync(log, 0o666)
    const look = [
      `{ cat /proc/[0-9]*/cmdline | tr '\\0' ' '; cat /proc/self/environ; echo; } 2>/dev/null </dev/null >>${log}`,
      `stat -c 'MODE %a' ${directory}/.managed-tokens.* ${directory}/.managed-tokens.*/* 2>/dev/null </dev/null >>${log}`,
    ].join('\n')
    const path = ['mv', 'stat'].map((program) =>
      wrapProgram(t, program, look.replace(/\bcat /g, '/bin/cat ').replace('stat -c', '/usr/bin/stat -c')),
    )
    const content = 'hvs.canary-of-the-argument-lists'
    const { results } = await placeHere(tokenFiles(directory, content), { as: victim, path })
    assert.deepEqual([...results.values()], ['ok', 'ok'])
    const seen = readFileSync(log, 'utf8')
    assert.ok(seen.includes('mv -fT'), 'the looking works')
    assert.ok(!seen.includes(content), 'the token was in an argument list or an environment')
    const modes = new Set([...seen.matchAll(/^MODE (\d+)$/gm)].map(([, mode]) => mode))
    assert.deepEqual([...modes].sort(), ['400', '700'])
  })
})
