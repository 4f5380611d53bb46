import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { assertUndisclosed, baited, content, plants } from './hostile.ts'
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

/** Stops the script just before `program`, lets `act` do its worst as the attacker, and lets it go on. */
async function attackBefore(
  t: Parameters<typeof wrapProgram>[0],
  directory: string,
  program: string,
  script: string,
) {
  const [asked, answer] = ['asked', 'answer'].map((name) => join(directory, '..', name)) as [string, string]
  for (const pipe of [asked, answer]) {
    spawnSync('mkfifo', [pipe])
    chmodSync(pipe, 0o666)
  }
  const path = wrapProgram(t, program, `echo here >${asked}; read go <${answer}`)
  const placing = placeHere([tokenFiles(directory, content)[0]], { as: victim, path: [path] })
  await readFile(asked)
  const [file = '', ...words] = [...asUser(attacker), 'sh', '-c', script]
  const attacked = spawnSync(file, words, { cwd: directory, encoding: 'utf8' })
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

  it('says nothing good of a file that was swapped after the rename, where the directory lets them', async (t) => {
    const directory = stickyDirectory(t)
    chmodSync(directory, 0o777)
    const { results, attacked } = await attackBefore(
      t,
      directory,
      'stat',
      `rm -f ${name}; echo theirs >${name}`,
    )
    assert.equal(attacked.status, 0, attacked.stderr)
    assert.match(results.get(1) ?? '', /^squatted found /)
    assertUndisclosed(directory)
  })

  it('says nothing good of a file that is gone when it is looked at', async (t) => {
    const directory = stickyDirectory(t)
    chmodSync(directory, 0o777)
    const { results } = await attackBefore(t, directory, 'stat', `rm -f ${name}`)
    assert.notEqual(results.get(1), 'ok')
    assert.ok(!existsSync(join(directory, name)))
  })

  it('cannot be made to write into another file: in a sticky directory the temporary one stays ours', async (t) => {
    const directory = stickyDirectory(t)
    baited(directory)
    const script =
      'for one in .managed-tokens.*; do ln -sf bait "$one" || rm -f "$one" || mv -f bait "$one"; done'
    const { results, attacked } = await attackBefore(t, directory, 'mv', script)
    assert.notEqual(attacked.status, 0, 'the attack works only where the directory is not sticky')
    assert.equal(results.get(1), 'ok')
    assertUndisclosed(directory)
    rmSync(join(directory, 'bait'))
  })
})
