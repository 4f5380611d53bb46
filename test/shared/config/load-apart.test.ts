import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readEnvironment } from '../../../shared/config/environment.ts'
import { loadSiteFrom } from '../../../shared/config/load.ts'
import { loadSmall } from '../../../shared/config/load-apart.ts'
import { ConfigError } from '../../../shared/config/read/problem.ts'

const role = (n: number, more = '') => `
  experiment${n}:
    emails: [experiment${n}@laboratory.example]
    roles:
      production:
        account: exp${n}pro
        destinationNodes: [submit${n}.laboratory.example, submit.laboratory.example]${more}`
const count = 3
/** More than what a daemon reads by itself. */
const remarks = `# ${'remark '.repeat(16)}\n`.repeat(4_000)
const fileOf = (last = '') =>
  Buffer.from(
    `${remarks}keytabPath: /etc/keytabs
kerberosPrincipalPattern: '{{.Account}}@LABORATORY.EXAMPLE'
condorCollectorHost: collector.laboratory.example
notifications: { SLACK_ALERTS_URL: https://hooks.example/secret, admin_email: admin@laboratory.example }
experiments:${Array.from({ length: count }, (_, n) => role(n, n === count - 1 ? last : '')).join('')}
`,
  )
const variables = readEnvironment({ X509_CERT_DIR: '/etc/certificates' })

describe('a large configuration', () => {
  it('is the same site, frozen, as where it is read in this process', () => {
    const file = fileOf()
    const site = loadSmall('managedTokens.yml', file, variables)
    assert.deepEqual(site, loadSiteFrom('managedTokens.yml', file, variables).site)
    assert.equal(site.entries.length, count)
    assert.throws(() => Object.assign(site.entries[0] ?? {}, { account: 'root' }), TypeError)
  })

  it('is refused with the same problems', () => {
    const file = fileOf('\n        desiredUIDOverride: none')
    const problemsOf = (load: typeof loadSmall | typeof loadSiteFrom) => {
      try {
        load('managedTokens.yml', file, variables)
        return []
      } catch (error) {
        return error instanceof ConfigError ? error.problems : [error]
      }
    }
    assert.equal(problemsOf(loadSiteFrom).length, 1)
    assert.deepEqual(problemsOf(loadSmall), problemsOf(loadSiteFrom))
  })
})
