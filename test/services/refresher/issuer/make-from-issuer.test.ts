/** All bearer tokens of an entry from a real issuer: one for each audience, and what is told of those that live too short. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import pino from 'pino'
import { writeFaults } from '../../../../sandbox/faults.ts'
import { type Issuer, startIssuer } from '../../../../sandbox/issuer/start-issuer.ts'
import { layoutOf } from '../../../../sandbox/layout.ts'
import { makeTls } from '../../../../sandbox/tls.ts'
import { openIssuers } from '../../../../services/refresher/issuer/issuers.ts'
import { makeFromIssuer } from '../../../../services/refresher/issuer/make-from-issuer.ts'
import { readEnvironment } from '../../../../shared/config/environment.ts'
import { loadSiteFrom } from '../../../../shared/config/load.ts'
import { codeOf } from '../../../../shared/contracts/errors.ts'
import { z } from '../../../../shared/contracts/zod.ts'
import { readClaims } from '../../../../shared/tokens/jwt-claims.ts'
import { keepingInMemory } from '../logins/in-memory.ts'

const secret = 'the-secret-of-the-client-in-this-test'
const doors = ['ce1.sandbox.test:9619', 'ce2.sandbox.test:9619']

describe('what a token issuer gives an entry', () => {
  let dir: string
  let issuer: Issuer
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mt-issuer-'))
    const layout = layoutOf(dir)
    writeFaults(dir, {})
    mkdirSync(layout.vault)
    writeFileSync(join(dir, 'secret'), `${secret}\n`)
    issuer = await startIssuer({
      ...{ dir, tls: await makeTls(layout), tokenSeconds: 1_200, refreshTokens: 'once' },
      clients: [{ id: 'client', secret }],
      ...{ scopes: ['compute.create', 'storage.read:/cms'], audiences: doors },
    })
  })
  after(async () => {
    await issuer[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true })
  })

  const made = (deliver: string) => {
    const text = `issuers:
  iam: { url: ${issuer.url}, clientId: client, clientSecretFile: ${dir}/secret, caPath: ${layoutOf(dir).certificates} }
distributor: { identityFile: /srv/key }
experiments:
  cms:
    emails: [cms@lab.example]
    roles:
      production:
        account: cmsprod
        desiredUIDOverride: 61234
        destinationNodes: [node1.lab.example]
        tokenGetterOverride: oidc
        oidc: { issuer: iam, grant: client_credentials }
        deliver: ${deliver}
`
    const { site } = loadSiteFrom('managedTokens.yml', Buffer.from(text), readEnvironment({}))
    const [entry] = site.entries
    assert.ok(entry)
    return makeFromIssuer(
      entry,
      {
        ...{ site, deadline: new Date(Date.now() + 60_000).toISOString() },
        ...{ signal: new AbortController().signal, log: pino({ level: 'silent' }) },
      },
      { issuers: openIssuers(), keeping: keepingInMemory() },
    )
  }

  const perDoor = `{bearer: {scopes: compute.create, audiences: [${doors.map((one) => `"${one}"`).join(', ')}], each: true, path: "/srv/{{.AudienceHost}}"}}`

  it('is a token of its own for each audience', async () => {
    const { bearers } = await made(`[${perDoor}]`)
    const shown = bearers.map((one) => [
      one.path,
      'token' in one ? readClaims(one.token, z.object({ aud: z.string() }))?.aud : one.failure.code,
    ])
    assert.deepEqual(shown, [
      ['/srv/ce1.sandbox.test', doors[0]],
      ['/srv/ce2.sandbox.test', doors[1]],
    ])
  })

  it('is all the rest where one lives shorter than its consumer asks, wherever it stands', async () => {
    const short = '{bearer: {scopes: "storage.read:/cms", purpose: pilots, minimumLifetime: 30m}}'
    for (const deliver of [`[${short}, ${perDoor}]`, `[${perDoor}, ${short}]`]) {
      const { bearers } = await made(deliver)
      assert.equal(bearers.filter((one) => 'token' in one).length, 2)
      const [refused] = bearers.flatMap((one) => ('failure' in one ? [one.failure] : []))
      assert.equal(refused?.code, 'bearer-life-refused')
      assert.match(
        refused?.message ?? '',
        /^The bearer token of cms_production for pilots lives (20m|19m\d+s), and its minimumLifetime is 30m: it is not delivered\.$/,
      )
    }
  })

  it('fails with that reason where there is nothing else', async () => {
    await assert.rejects(made('[{bearer: {scopes: compute.create, minimumLifetime: 30m}}]'), (error) => {
      assert.equal(codeOf(error), 'bearer-life-refused')
      return true
    })
  })
})
