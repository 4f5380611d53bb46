/** The manual pages before man, groff and mandoc: nothing to complain of, and every word arrives. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { installPackages } from './support/real-programs.ts'

const main = join(import.meta.dirname, '../../cli/manual/main.ts')

describe('the manual pages', () => {
  let directory: string
  before(() => {
    installPackages(['man-db', 'groff', 'mandoc'])
    directory = mkdtempSync(join(tmpdir(), 'mt-manual-'))
    assert.equal(spawnSync(process.execPath, [main, directory]).status, 0)
  })
  after(() => rmSync(directory, { recursive: true }))

  const run = (program: string, ...words: string[]) => {
    const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', MANWIDTH: '100' }
    const { status, stdout, stderr } = spawnSync(program, words, { cwd: directory, env, encoding: 'utf8' })
    return { status, stdout, stderr }
  }

  for (const [file, looked] of [
    ['managed-tokens.1', ['managed-tokens run [options]', '--watch', 'Exit codes: 0 asked for', 'NATS_NKEY']],
    [
      'managedTokens.yml.5',
      ['{{.Account}}', 'destinationNodes', 'FERRY’s host.', 'experiments.<experiment>'],
    ],
  ] as const)
    it(`${file} renders`, () => {
      const { status, stdout, stderr } = run('man', '--warnings=w', '-l', file)
      assert.deepEqual([status, stderr], [0, ''])
      for (const words of looked) assert.ok(stdout.includes(words), words)
      assert.deepEqual(run('groff', '-man', '-ww', '-z', '-Tutf8', file), {
        status: 0,
        stdout: '',
        stderr: '',
      })
      assert.deepEqual(run('mandoc', '-Tlint', '-W', 'warning', file), { status: 0, stdout: '', stderr: '' })
    })
})
