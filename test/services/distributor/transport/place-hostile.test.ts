import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { assertUndisclosed, baited, content, plants } from '../hostile.ts'
import {
  asUser,
  attacker,
  leftOvers,
  placeHere,
  stickyDirectory,
  tokenFiles,
  victim,
  wrapProgram,
} from './place-here.ts'

describe('placing files where somebody else was first', () => {
  for (const [what, plant] of Object.entries(plants))
    for (const [which, number] of Object.entries({ first: 1, second: 2 })) {
      it(`reports ${what} at the ${which} path, follows nothing, and places the other file`, async (t) => {
        const directory = stickyDirectory(t)
        const files = tokenFiles(directory, content)
        const path = files[number - 1]?.path ?? ''
        const bait = baited(directory)
        plant(path, bait)
        const before = lstatSync(path)
        const { code, results } = await placeHere(files, { as: victim })
        assert.equal(code, 0)
        assert.match(results.get(number) ?? '', /^squatted /)
        assert.equal(results.get(3 - number), 'ok')
        assert.deepEqual([lstatSync(path).ino, lstatSync(path).mode], [before.ino, before.mode])
        assert.equal(readFileSync(bait, 'utf8'), 'theirs\n')
        assertUndisclosed(directory)
        assert.deepEqual(leftOvers(directory), [])
      })
    }

  it('replaces a link of the account’s own by a file, without touching what it led to', async (t) => {
    const directory = stickyDirectory(t)
    const [file] = tokenFiles(directory, content)
    const bait = baited(directory)
    symlinkSync(bait, file.path)
    lchownSync(file.path, victim, victim)
    const { results } = await placeHere([file], { as: victim })
    assert.equal(results.get(1), 'ok')
    assert.ok(lstatSync(file.path).isFile())
    assert.equal(readFileSync(bait, 'utf8'), 'theirs\n')
  })

  it('reports a directory of the account’s own: the token would land inside it', async (t) => {
    const directory = stickyDirectory(t)
    const [file] = tokenFiles(directory, content)
    mkdirSync(file.path)
    chownSync(file.path, victim, victim)
    const { results } = await placeHere([file], { as: victim })
    assert.match(results.get(1) ?? '', /^squatted /)
    assert.deepEqual(readdirSync(file.path), [])
  })

  it('leaves the old content to whoever holds a hard link to the last file, never the new one', async (t) => {
    const directory = stickyDirectory(t)
    const [file] = tokenFiles(directory, content)
    await placeHere([{ ...file, content: 'old' }], { as: victim })
    linkSync(file.path, join(directory, 'kept'))
    const { results } = await placeHere([file], { as: victim })
    assert.equal(results.get(1), 'ok')
    assert.equal(readFileSync(join(directory, 'kept'), 'utf8'), 'old\n')
  })
})

/** Stops the script just before or after `program`, lets `act` do its worst as the attacker, and lets it go on. */
async function attackBefore(
  t: Parameters<typeof wrapProgram>[0],
  directory: string,
  program: string,
  script: string,
  when: 'before' | 'after' = 'before',
) {
  const [asked, answer] = ['asked', 'answer'].map((name) => join(directory, '..', name)) as [string, string]
  for (const pipe of [asked, answer]) {
    rmSync(pipe, { force: true })
    spawnSync('mkfifo', [pipe])
    chmodSync(pipe, 0o666)
  }
  const hold = `echo here >${asked}; read go <${answer}`
  // Once only.
  const once = `[ -e ${asked} ] || exec /bin/${program} "$@"`
  const first = when === 'after' ? `/bin/${program} "$@"; code=$?` : ''
  const path = wrapProgram(t, program, `${once}\n${first}\n${hold}${when === 'after' ? '; exit $code' : ''}`)
  const placing = placeHere([tokenFiles(directory, content)[0]], { as: victim, path: [path] })
  await readFile(asked)
  const [file = '', ...words] = [...asUser(attacker), 'sh', '-c', script]
  const attacked = spawnSync(file, words, { cwd: directory, encoding: 'utf8' })
  rmSync(asked)
  await writeFile(answer, 'go\n')
  return { ...(await placing), attacked }
}

describe('placing files while somebody swaps them', () => {
  const name = 'vt_u61234'
  const swaps: Record<string, string> = {
    'a directory': `mkdir -m 777 ${name}`,
    'a symbolic link': `ln -s bait ${name}`,
    'a named pipe': `mkfifo -m 777 ${name}`,
    'a file of theirs': `echo theirs >${name}; chmod 777 ${name}`,
  }
  for (const [what, script] of Object.entries(swaps)) {
    it(`reports ${what} that appears just before the rename`, async (t) => {
      const directory = stickyDirectory(t)
      const bait = baited(directory)
      const { results, attacked } = await attackBefore(t, directory, 'mv', script)
      assert.equal(attacked.status, 0, attacked.stderr)
      assert.match(results.get(1) ?? '', /^squatted /)
      assert.equal(readFileSync(bait, 'utf8'), 'theirs\n')
      assertUndisclosed(directory)
      assert.deepEqual(leftOvers(directory), [])
    })
  }

  it('says nothing good where the path leads elsewhere by the time it is looked at', async (t) => {
    const directory = stickyDirectory(t)
    chmodSync(join(directory, '..'), 0o777)
    const elsewhere = `mv ../tmp ../away && mkdir ../tmp && mkfifo -m 777 ../tmp/${name}`
    const { results, attacked } = await attackBefore(t, directory, 'mv', elsewhere)
    assert.equal(attacked.status, 0, attacked.stderr)
    assert.match(results.get(1) ?? '', /^unsafe its path leads elsewhere/)
    assertUndisclosed(join(directory, '..'))
  })

  it('lets nobody into its private directory, nor has it renamed or replaced, in a sticky directory', async (t) => {
    const directory = stickyDirectory(t)
    baited(directory)
    const script = [
      'for one in .managed-tokens.*',
      'do ls "$one" || cat "$one/1" || cd "$one" || echo >"$one/2" || mv "$one" taken || rmdir "$one" || ln -sfT bait "$one" || exit 3',
      'done',
    ].join('; ')
    for (const step of ['stat', 'mv', 'rmdir']) {
      const { results, attacked } = await attackBefore(t, directory, step, script)
      assert.equal(attacked.status, 3, `${step}: ${attacked.stdout}`)
      assert.equal(results.get(1), 'ok')
    }
    assertUndisclosed(directory)
    assert.deepEqual(leftOvers(directory), [])
    rmSync(join(directory, 'bait'))
  })
})

describe('a directory in which others may rename', () => {
  const unsafe: Record<string, [owner: number, mode: number]> = {
    'which everybody may write to': [0, 0o777],
    'which a group may write to': [victim, 0o775],
    'which a group may write to that new files get': [victim, 0o2775],
    'which everybody but its group may write to': [victim, 0o757],
    'whose owner is another user, sticky or not': [attacker, 0o1777],
    'which another user lets all write to': [attacker, 0o777],
  }
  for (const [what, [owner, mode]] of Object.entries(unsafe))
    it(`${what}, is refused, and nothing is left in it`, async (t) => {
      const directory = owned(t, owner, mode)
      const { results, code } = await placeHere(tokenFiles(directory, content), { as: victim })
      const said = `unsafe its owner is ${owner} and its mode ${mode.toString(8)}`
      assert.deepEqual([code, ...results.values()], [0, said, said])
      assert.deepEqual(readdirSync(directory), [])
    })

  const safe: Record<string, [owner: number, mode: number]> = {
    'the account’s own': [victim, 0o755],
    'the account’s own, and private': [victim, 0o700],
    'the account’s own, sticky and open to a group that new files get': [victim, 0o3775],
    'root’s, sticky and open to all': [0, 0o1777],
  }
  for (const [what, [owner, mode]] of Object.entries(safe))
    it(`is not one that is ${what}`, async (t) => {
      const { results } = await placeHere(tokenFiles(owned(t, owner, mode), content), { as: victim })
      assert.deepEqual([...results.values()], ['ok', 'ok'])
    })

  const swaps: Record<string, string> = {
    'a link to a directory of the account’s': 'ln -s treasure "$one"',
    'a directory of the account’s own': 'mv treasure "$one"',
    'a directory of their own': 'mkdir -m 777 "$one" && echo x >"$one/1"',
    'a file': ': >"$one"',
  }
  for (const [what, swap] of Object.entries(swaps))
    it(`gets nothing for ${what} in the place of the private one, and takes nothing away`, async (t) => {
      const directory = owned(t, 0, 0o777)
      const treasure = join(directory, 'treasure')
      mkdirSync(treasure, { mode: 0o700 })
      writeFileSync(join(treasure, 'precious'), 'x')
      for (const path of [treasure, join(treasure, 'precious')]) chownSync(path, victim, victim)
      const script = `one=$(echo .managed-tokens.*); mv "$one" taken && ${swap}`
      const { results, attacked } = await attackBefore(t, directory, 'mkdir', script, 'after')
      assert.equal(attacked.status, 0, attacked.stderr)
      assert.match(results.get(1) ?? '', /^unsafe /)
      assertUndisclosed(directory)
      const kept = readdirSync(directory, { recursive: true, encoding: 'utf8' })
      assert.ok(
        kept.some((path) => path.endsWith('/precious')),
        kept.join(),
      )
      assert.ok(!kept.some((path) => path.endsWith('vt_u61234')))
    })
})

/** A directory with this owner and mode. */
function owned(t: TestContext, owner: number, mode: number): string {
  const directory = stickyDirectory(t)
  chownSync(directory, owner, owner)
  chmodSync(directory, mode)
  return directory
}
