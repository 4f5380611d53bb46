/** Completion in the bash that is here, without the package bash-completion. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { askBash, makePlace, type Place, scriptFor, typeInShell } from './shells.ts'

const asked: Readonly<Record<string, readonly [words: readonly string[], offered: readonly string[]]>> = {
  'services of the configuration': [
    ['run', '-c', 'my.yml', '-s', ''],
    ['dune_production', 'dune_analysis', 'a=b_production'],
  ],
  'an experiment': [['run', '-c', 'my.yml', '-e', 'd'], ['dune']],
  'a node': [['history', '-c', 'my.yml', '--node', ''], ['node1.example']],
  'the rest of a word that bash has taken apart': [
    ['run', '-c', 'my.yml', '--service', '=', 'dune_p'],
    ['dune_production'],
  ],
  'the rest of a name with a character that bash takes words apart at': [
    ['run', '-c', 'my.yml', '-s', 'a', '=', 'b_'],
    ['b_production'],
  ],
  'nothing for words that a shell could evaluate, which it does not': [
    ['run', '-c', 'my.yml', '-e', '$(touch evaluated)', '-s', '`touch evaluated`'],
    [],
  ],
  'nothing where there is no configuration': [['run', '-c', '/nonexistent', '-s', ''], []],
}

describe('completion in bash', () => {
  let place: Place
  before(() => {
    place = makePlace()
  })
  after(() => place[Symbol.dispose]())

  for (const [sentence, [words, offered]] of Object.entries(asked))
    it(`offers ${sentence}`, () => {
      assert.deepEqual(askBash(place, words), offered)
      assert.equal(place.wasEvaluated(), false)
    })

  it('takes what it is answered as words, whatever that is', () => {
    using other = makePlace()
    const answers = ['$(touch evaluated)', '`touch evaluated`', '*', 'two words']
    const printed = answers.map((one) => `'${one}'`).join(' ')
    writeFileSync(join(other.directory, 'managed-tokens'), `#!/bin/sh\nprintf '%s\\tmeaning\\n' ${printed}\n`)
    assert.deepEqual(askBash(other, ['']), answers)
    assert.equal(other.wasEvaluated(), false)
  })

  const bash = {
    start: "PS1='READY>' exec bash --norc --noprofile -i",
    prepare: `source '${scriptFor('bash')}'`,
  }

  it('completes what is typed at a terminal', async () => {
    const line = 'managed-tokens revo\t -c my\t --reason x dune_p\t a=\t --keep\t'
    const words = [
      'revoke',
      '-c',
      'my.yml',
      '--reason',
      'x',
      'dune_production',
      'a=b_production',
      '--keep-login',
    ]
    assert.deepEqual(await typeInShell(place, bash, line), words)
    assert.equal(place.wasEvaluated(), false)
  })
})
