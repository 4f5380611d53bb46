import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { checkConfig } from '../../cli/config-check.ts'
import { siteText, writeSite } from '../shared/config/site-text.ts'

test("the predecessor's file is fine: warnings one a line, a summary, exit 0", () => {
  const file = fileURLToPath(new URL('../fixtures/managedTokens.yml', import.meta.url))
  const { exitCode, text, json } = checkConfig(file)
  const lines = text.split('\n')
  assert.equal(exitCode, 0)
  assert.equal(lines.pop(), '3 entries, 0 errors, 5 warnings: fine')
  for (const line of lines) assert.match(line, /^\/.*\/managedTokens\.yml:\d+:\d+: warning: .+ — .+$/)
  assert.deepEqual([json.fine, json.entries?.length, json.problems.length], [true, 3, 5])
})

test('a wrong file is refused with every error in one go, exit 2', (t) => {
  const file = writeSite(
    t,
    siteText('storer: {lane: 1}\nminTokenLifetime: 5\nkeytabPth: /x').replace(
      'node1.lab.example',
      '-oProxyCommand=x',
    ),
  )
  const { exitCode, text, json } = checkConfig(file)
  assert.equal(exitCode, 2)
  assert.deepEqual(
    text.split('\n').map((line) => line.replace(file, 'F').replace(/ — .*/, '')),
    [
      'F:4:10: error: unknown key "lane" in storer',
      'F:5:19: error: minTokenLifetime is the number 5',
      'F:6:1: warning: unknown key "keytabPth" here, ignored',
      'F:13:28: error: experiments.dune.roles.production.destinationNodes.0: "-oProxyCommand=x" is not a host name (DNS name or IPv4 address)',
      '3 errors, 1 warning: daemons would refuse this file. Correct the errors and check again.',
    ],
  )
  assert.deepEqual([json.fine, 'entries' in json, json.problems.length], [false, false, 4])
  assert.doesNotThrow(() => JSON.parse(JSON.stringify(json)))
})

test('a file that is not there is an answer, not an exception', () => {
  assert.equal(checkConfig('/nonexistent.yml').exitCode, 2)
})
