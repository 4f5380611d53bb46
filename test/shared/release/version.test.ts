/** Which version this is: of the commit that git has checked out, whatever form git keeps it in, or that the packager wrote down. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import manifest from '../../../package.json' with { type: 'json' }
import { findCommit } from '../../../shared/release/commit.ts'
import { versionOf } from '../../../shared/release/version.ts'

const hash = '0123456789abcdef0123456789abcdef01234567'
const sha256 = hash.padEnd(64, '0')

describe('the version', () => {
  let top: string
  before(() => {
    top = mkdtempSync(join(tmpdir(), 'mt-version-'))
  })
  after(() => rmSync(top, { recursive: true }))

  const directory = () => mkdtempSync(join(top, 'x-'))
  const git = (root: string, ...words: string[]) => {
    const env = { PATH: process.env.PATH, HOME: top, GIT_CONFIG_NOSYSTEM: '1' }
    const who = ['-c', 'user.name=x', '-c', 'user.email=x@example.org']
    return execFileSync('git', ['-C', root, ...who, ...words], { env, encoding: 'utf8' }).trim()
  }
  const repository = () => {
    const root = directory()
    git(root, 'init', '--quiet')
    git(root, 'commit', '--quiet', '--allow-empty', '--message', 'first')
    return root
  }

  const inGit: Readonly<Record<string, (root: string) => string>> = {
    'on a branch': (root) => root,
    'on a branch with a slash in its name': (root) => {
      git(root, 'checkout', '--quiet', '-b', 'release/next')
      return root
    },
    'on a branch that git has packed': (root) => {
      git(root, 'pack-refs', '--all')
      return root
    },
    'on a branch that was packed and has moved since': (root) => {
      git(root, 'pack-refs', '--all')
      git(root, 'commit', '--quiet', '--allow-empty', '--message', 'second')
      return root
    },
    'on no branch': (root) => {
      git(root, 'checkout', '--quiet', '--detach')
      return root
    },
    'in a worktree of its own': (root) => {
      const beside = join(directory(), 'beside')
      git(root, 'worktree', 'add', '--quiet', '-b', 'beside', beside)
      git(root, 'commit', '--quiet', '--allow-empty', '--message', 'elsewhere')
      return beside
    },
    'in a worktree whose branch is packed': (root) => {
      const beside = join(directory(), 'beside')
      git(root, 'worktree', 'add', '--quiet', '-b', 'beside', beside)
      git(root, 'pack-refs', '--all')
      return beside
    },
    'in a clone': (root) => {
      const clone = join(directory(), 'clone')
      git(root, 'clone', '--quiet', root, clone)
      return clone
    },
  }
  for (const [sentence, prepare] of Object.entries(inGit))
    it(`has the commit that git says, ${sentence}`, () => {
      const root = prepare(repository())
      const commit = git(root, 'rev-parse', 'HEAD')
      assert.equal(findCommit(root), commit)
      assert.equal(versionOf(root), `${manifest.version}+${commit.slice(0, 12)}`)
    })

  it('has the commit that is written down in a package, whatever git says', () => {
    for (const written of [`${hash}\n`, hash, sha256]) {
      const root = repository()
      writeFileSync(join(root, 'COMMIT'), written)
      assert.equal(findCommit(root), written.trim())
    }
  })

  const withoutCommit: Readonly<Record<string, (root: string) => void>> = {
    'where there is neither': () => {},
    'before the first commit': (root) => git(root, 'init', '--quiet'),
    'where no hash is written down': (root) => writeFileSync(join(root, 'COMMIT'), '\n'),
    'where something else is written down': (root) => writeFileSync(join(root, 'COMMIT'), `${hash} $(id)\n`),
    'where the worktree’s repository is gone': (root) =>
      writeFileSync(join(root, '.git'), 'gitdir: /nonexistent/x\n'),
  }
  for (const [sentence, prepare] of Object.entries(withoutCommit))
    it(`is the package’s alone ${sentence}`, () => {
      const root = directory()
      prepare(root)
      assert.equal(versionOf(root), manifest.version)
    })
})
