/** Completion in a zsh, and in a bash with the package bash-completion. */
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { makePlace, type Place, scriptFor, typeInShell } from '../cli/completion/shells.ts'
import { installPackages } from './support/real-programs.ts'

const line = 'managed-tokens revo\t -c my\t --reason x dune_p\t a=\t --keep\t'
const words = [
  ...['revoke', '-c', 'my.yml', '--reason', 'x'],
  ...['dune_production', 'a=b_production', '--keep-login'],
]
const hostile =
  "managed-tokens run -c my\t -e '$(touch evaluated)' -s $(printf dune_pro)\t '`touch evaluated`\t'"

describe('completion', () => {
  let place: Place
  before(() => {
    installPackages(['zsh', 'bash-completion'])
    place = makePlace()
  })
  after(() => place[Symbol.dispose]())

  const zsh = { start: "PS1='READY>' exec zsh -f -i", setUp: "PS1='READY>'; unsetopt zle_bracketed_paste" }
  const shells = {
    'a zsh that sources the script': () => ({
      start: zsh.start,
      prepare: `${zsh.setUp}; autoload -Uz compinit; compinit -u; source '${scriptFor('zsh')}'`,
    }),
    'a zsh that finds the script by itself': () => {
      mkdirSync(join(place.directory, 'functions'), { recursive: true })
      copyFileSync(scriptFor('zsh'), join(place.directory, 'functions', '_managed-tokens'))
      const prepare = `${zsh.setUp}; fpath=('${place.directory}/functions' $fpath); autoload -Uz compinit; compinit -u`
      return { start: zsh.start, prepare }
    },
    'a bash with bash-completion, which finds the script by itself': () => {
      const completions = join(place.directory, '.local/share/bash-completion/completions')
      mkdirSync(completions, { recursive: true })
      copyFileSync(scriptFor('bash'), join(completions, 'managed-tokens'))
      const prepare = 'source /usr/share/bash-completion/bash_completion'
      return { start: "PS1='READY>' exec bash --norc --noprofile -i", prepare }
    },
  }
  for (const [name, make] of Object.entries(shells)) {
    it(`works in ${name}`, async () => {
      assert.deepEqual(await typeInShell(place, make(), line), words)
    })

    it(`evaluates nothing in ${name}`, async () => {
      const found = await typeInShell(place, make(), hostile)
      assert.deepEqual(found.slice(0, 5), ['run', '-c', 'my.yml', '-e', '$(touch evaluated)'])
      assert.equal(place.wasEvaluated(), false)
    })
  }
})
