/** A configuration file, ours or the predecessor's: taken whole, or refused with every problem and its place. */
import assert from 'node:assert/strict'
import { readEnvironment } from '../../../shared/config/environment.ts'
import { loadSiteFrom } from '../../../shared/config/load.ts'
import { ConfigError, formatProblem, type Problem } from '../../../shared/config/read/problem.ts'
import type { Site } from '../../../shared/config/site.ts'
import { assertForPeople } from '../promises.ts'
import { pureTarget } from '../target.ts'

const none = readEnvironment({})

const words = [
  ...[
    'experiments:\n',
    '  dune:\n',
    '    roles:\n',
    '      production:\n',
    '        account: dunepro\n',
    'emails: []\n',
  ],
  ...[
    'destinationNodes: [node1.lab.example]\n',
    '&a ',
    '*a',
    '<<: *a',
    '- ',
    '? ',
    '| \n',
    '>-\n',
    '!!js/function ',
    '!!binary ',
    '---\n',
    '%YAML 1.1\n',
  ],
  ...[
    '{{.Account}}',
    '{{.Nobody}}',
    '{{',
    '}}',
    '300s',
    '3d',
    '1h30m',
    '0x7f',
    '1_000',
    'yes',
    '~',
    '0o17',
    '.inf',
    '2026-01-01',
  ],
  ...[
    'issuers:\n',
    'oidc:\n',
    'deliver:\n',
    'bearers:\n',
    'storer: {lanes: 4}\n',
    'schedule: {run: "* * * * *"}\n',
    'sshOptions: ["-oProxyCommand=x"]\n',
  ],
]

export const configuration = pureTarget({ name: 'configuration', words, longest: 128 * 1024 }, (text) => {
  let problems: readonly Problem[]
  try {
    const { site, warnings } = loadSiteFrom('managedTokens.yml', Buffer.from(text), none)
    assertHarmless(site)
    problems = warnings
  } catch (error) {
    assert.ok(error instanceof ConfigError, error instanceof Error ? error.stack : String(error))
    problems = error.problems
    assert.ok(problems.some(({ severity }) => severity === 'error'))
  }
  const lastLine = text.split(/\r\n|\r|\n/).length + 1
  for (const problem of problems) {
    assert.ok(problem.line >= 1 && problem.column >= 1 && problem.line <= lastLine)
    assertForPeople(formatProblem(problem))
  }
})

/** Nothing that reaches a command line is an option, and no path climbs. */
function assertHarmless(site: Site): void {
  assert.ok(Object.isFrozen(site))
  for (const { name, account, nodes, service, credkey, collectors, tokenDirectoryTemplate } of site.entries) {
    for (const word of [name, account, service, credkey, ...nodes, ...collectors])
      assert.match(word, /^[^-\s\p{Cc}][^\s\p{Cc}]*$/u)
    assert.match(tokenDirectoryTemplate, /^\//)
    assert.ok(!tokenDirectoryTemplate.split('/').includes('..'))
  }
}
