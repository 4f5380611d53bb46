/** A consumer beside the distributor (`transport: local`), through the whole pipe: what it reads, and what is told where it cannot be fed. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { iamEntries } from '../../sandbox/iam-entries.ts'
import { startIamSite } from '../../sandbox/iam-site.ts'
import { z } from '../../shared/contracts/zod.ts'
import { readClaims } from '../../shared/tokens/jwt-claims.ts'
import { type } from '../support/terminal.ts'
import { usePipeline } from '../support/use-pipeline.ts'

const account = 'games'
const [, , transfer] = iamEntries
const scopes = ['storage.stage:/cms']
const audience = ['https://dcache.sandbox.test']

describe('a consumer beside the distributor', { timeout: 300_000 }, () => {
  const at = usePipeline((around) => {
    // The account has to get there.
    execFileSync('chmod', ['711', around])
    execFileSync('install', ['-d', '-o', account, join(around, 'consumer')])
    const role = (name: string) => ({
      ...{ account: name, destinationNodes: ['localhost'], transportOverride: 'local' },
      ...{ tokenGetterOverride: 'oidc', oidc: { issuer: 'iam', grant: 'client_credentials' } },
    })
    const path = join(around, 'consumer', '{{.AudienceHost}}.jwt')
    return {
      start: startIamSite,
      entries: transfer ? [transfer] : [],
      settings: {
        experiments: {
          beside: {
            emails: ['beside@sandbox.test'],
            roles: {
              frontend: {
                ...role(account),
                deliver: [{ bearer: { scopes, audience, path, newline: false } }],
              },
              nobody: {
                ...role('no.such.account'),
                deliver: [{ bearer: { scopes, audience, path: join(around, 'consumer', 'nobody') } }],
              },
            },
          },
        },
      },
    }
  })
  const file = () => join(at.around, 'consumer', 'dcache.sandbox.test.jwt')
  const run = async (service: string) => {
    const { run: id } = await at.pipe.startRun({ services: [service] })
    const { entries } = await at.pipe.finish(id)
    return entries.flatMap(({ targets }) =>
      targets.map(({ name, code, state }) => `${name} ${code ?? state}`),
    )
  }

  it('finds its token, its own and nobody else’s, with a UID that this host was asked for', async () => {
    assert.deepEqual(await run('beside_frontend'), ['localhost done'])
    const { mode, uid } = lstatSync(file())
    const games = Number(execFileSync('id', ['-u', account], { encoding: 'utf8' }))
    assert.deepEqual([mode & 0o7777, uid], [0o400, games])
    const text = readFileSync(file(), 'utf8')
    assert.match(text, /^[\w-]+\.[\w-]+\.[\w-]+$/, 'without a newline')
    assert.equal(readClaims(text, z.object({ aud: z.string() }))?.aud, audience[0])
  })

  it('is no node to log in to for the doctor, who looks at what it needs', async () => {
    const { site } = at.pipe
    const { stdout } = await type(['doctor', '--json', '-c', site.config, '--state', site.layout.state], {
      env: site.env,
      timeoutMs: 120_000,
    })
    const { results } = JSON.parse(stdout) as { results: { state: string; about: string; says: string }[] }
    const said = results.flatMap(({ about, state, says }) => (about === 'node' ? `${state} ${says}` : []))
    assert.ok(said.includes('ok localhost is this host, and games can have its files here'), said.join('\n'))
    assert.ok(said.some((one) => /^problem .*this host knows no account no\.such\.account/.test(one)))
    assert.ok(!said.some((one) => /localhost.*(listens|host key)/.test(one)))
  })

  it('that is gone keeps nothing from the others, and is told with who has to act', async () => {
    assert.deepEqual(await run('beside_nobody'), ['localhost account-unknown'])
  })

  it('whose directory is gone is told so, and gets its token when it is back', async () => {
    const [directory, aside] = [join(at.around, 'consumer'), join(at.around, 'aside')]
    renameSync(directory, aside)
    assert.deepEqual(await run('beside_frontend'), ['localhost destination-missing'])
    assert.ok(!existsSync(directory))
    renameSync(aside, directory)
    const before = readFileSync(file(), 'utf8')
    assert.deepEqual(await run('beside_frontend'), ['localhost done'])
    assert.notEqual(readFileSync(file(), 'utf8'), before)
  })
})
