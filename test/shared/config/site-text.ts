/** Small configuration files for tests: written into a directory of the test's own, removed after it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { readEnvironment } from '../../../shared/config/environment.ts'
import { loadSite } from '../../../shared/config/load.ts'
import { ConfigError, type Problem } from '../../../shared/config/read/problem.ts'

/** The least a site needs; `extra` goes in front of its experiments. */
export const siteText = (extra = '', role = '') => `keytabPath: /srv/keytabs
kerberosPrincipalPattern: "{{.Account}}/robot@LAB.EXAMPLE"
condorCollectorHost: collector.lab.example
${extra}
experiments:
  dune:
    emails: [dune@lab.example]
    roles:
      production:
        account: dunepro
        destinationNodes: [node1.lab.example]
${role.replace(/^(?=.)/gm, '        ')}`

export const noEnvironment = readEnvironment({})

export function writeSite(t: TestContext, text: string | Buffer, name = 'managedTokens.yml'): string {
  const directory = mkdtempSync(join(tmpdir(), 'site-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = join(directory, name)
  writeFileSync(file, text)
  return file
}

export const load = (t: TestContext, text: string | Buffer, name?: string) =>
  loadSite(writeSite(t, text, name), noEnvironment)

/** What is wrong with a text that must be refused. */
export function problemsOf(t: TestContext, text: string | Buffer, name?: string): readonly Problem[] {
  try {
    load(t, text, name)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error(`this was taken for a good configuration:\n${text}`)
}

/** `line:column severity message` */
export const brief = ({ line, column, severity, message }: Problem) =>
  `${line}:${column} ${severity} ${message}`
