/** Each recipe of docs/consumers.md, as it stands there: put in place with a real issuer's tokens, and read as the consumer reads. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import pino from 'pino'
import { parse } from 'yaml'
import { writeFaults } from '../../sandbox/faults.ts'
import { type Issuer, startIssuer } from '../../sandbox/issuer/start-issuer.ts'
import { layoutOf } from '../../sandbox/layout.ts'
import { makeTls } from '../../sandbox/tls.ts'
import { deliveryOf } from '../../services/distributor/token/delivery.ts'
import { filesFor } from '../../services/distributor/token/files.ts'
import { askLocally, pushLocally } from '../../services/distributor/transport/local.ts'
import { openIssuers } from '../../services/refresher/issuer/issuers.ts'
import { makeFromIssuer } from '../../services/refresher/issuer/make-from-issuer.ts'
import { readEnvironment } from '../../shared/config/environment.ts'
import { loadSiteFrom } from '../../shared/config/load.ts'
import { keepingInMemory } from '../services/refresher/logins/in-memory.ts'
import {
  decodeJwt,
  diracToken,
  discoveredFile,
  discoveredToken,
  glideinId,
  glideinInvalid,
  harvesterFile,
  lackingForArc,
  lackingForXrootd,
  pandaHeader,
  pandaTokenPath,
  rucioHeader,
} from './consumer-readers.ts'

const manual = readFileSync(new URL('../../docs/consumers.md', import.meta.url), 'utf8')
/** The blocks of a recipe, by language. */
const recipes = new Map(
  [...manual.matchAll(/^### (.+)\n([\s\S]*?)(?=^##)/gm)].map(([, title = '', text = '']) => [
    title,
    Object.fromEntries(
      [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, code]) => [language, code]),
    ),
  ]),
)
const block = (title: string, language: string): string => {
  const found = recipes.get(title)?.[language]
  assert.ok(found, `${title} has a block of ${language}`)
  return found
}

interface Bearer {
  readonly scopes: readonly string[]
  readonly audience?: string
  readonly audiences?: readonly string[]
}
const bearers = [...recipes.values()].flatMap(({ yaml = '' }) =>
  (parse(yaml) as { deliver: { bearer: Bearer }[] }).deliver.map(({ bearer }) => bearer),
)
const tokenSeconds = 3_600
const secret = 'the-secret-of-the-client-in-this-test'
/** Stands for every account of the recipes. */
const account = 'games'

describe('the recipes of docs/consumers.md', () => {
  let dir: string
  let issuer: Issuer
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mt-consumers-'))
    execFileSync('chmod', ['711', dir])
    const layout = layoutOf(dir)
    writeFaults(dir, {})
    mkdirSync(layout.vault)
    writeFileSync(join(dir, 'secret'), `${secret}\n`)
    issuer = await startIssuer({
      ...{ dir, tls: await makeTls(layout), tokenSeconds, refreshTokens: 'once' },
      clients: [{ id: 'client', secret }],
      scopes: [...new Set(bearers.flatMap(({ scopes }) => scopes))],
      audiences: [
        ...new Set(bearers.flatMap(({ audience = [], audiences = [] }) => [audience, audiences].flat())),
      ],
    })
  })
  after(async () => {
    await issuer[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true })
  })

  /** A path of a recipe in the test's own directory. */
  const here = (path: string) => join(dir, 'host', path)

  /** Puts a recipe in place; returns what its account reads there. */
  async function deliver(title: string): Promise<(path: string) => string> {
    const role = block(title, 'yaml')
      .replace(/^account: .*$/m, `account: ${account}`)
      .replace(/path: (?=\/)/g, `path: ${here('')}`)
      .replace(/^transportOverride: .*\n/m, '')
    const text = `issuers:
  iam: { url: ${issuer.url}, clientId: client, clientSecretFile: ${dir}/secret, caPath: ${layoutOf(dir).certificates} }
distributor: { transport: local, tokenDirectory: ${here('/tmp')} }
experiments:
  cms:
    emails: [cms@lab.example]
    roles:
      production:
${role.replace(/^(?=.)/gm, '        ')}`
    const { site, warnings } = loadSiteFrom('managedTokens.yml', Buffer.from(text), readEnvironment({}))
    assert.deepEqual(warnings, [])
    const [entry] = site.entries
    assert.ok(entry)
    const signal = AbortSignal.timeout(120_000)
    const made = await makeFromIssuer(
      entry,
      {
        ...{ site, deadline: new Date(Date.now() + 60_000).toISOString() },
        ...{ signal, log: pino({ level: 'silent' }) },
      },
      { issuers: openIssuers(), keeping: keepingInMemory() },
    )
    const delivery = deliveryOf(entry, { bearers: [...made.bearers] }, Date.now())
    assert.equal(delivery.lacking, undefined)
    const target = { entry, node: entry.nodes[0] ?? '' }
    const means = { ssh: '', rsync: '', staging: '', connectMs: 1, timeoutMs: 60_000, signal }
    const uid = await askLocally(target, means)
    const files = filesFor(entry, uid, delivery)
    for (const { path } of files) execFileSync('install', ['-d', '-o', account, dirname(path)])
    assert.equal(await pushLocally({ ...target, uid, files }, means), undefined)
    return (path) => {
      const { mode, uid: owner } = statSync(here(path))
      assert.deepEqual([mode & 0o7777, owner], [0o400, uid], `${path} is its consumer’s alone`)
      const asAccount = ['setpriv', `--reuid=${account}`, '--clear-groups', '--', 'cat', here(path)]
      return execFileSync(asAccount[0] ?? '', asAccount.slice(1), { encoding: 'utf8' })
    }
  }

  it('are those that are tried here', () => {
    assert.deepEqual(
      [...recipes.keys()],
      [
        ...['GlideinWMS frontend', 'PanDA Harvester', 'What WLCG’s discovery finds', 'Rucio’s client'],
        ...['DIRAC’s client', 'XRootD and ARC'],
      ],
    )
  })

  it('GlideinWMS frontend: each absfname is a token of its CE, good for as long as is asked', async () => {
    const read = await deliver('GlideinWMS frontend')
    const credentials = [...block('GlideinWMS frontend', 'xml').matchAll(/<credential ([^>]*)\/>/g)].map(
      ([, words = '']) =>
        Object.fromEntries(
          [...words.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
        ) as Record<
          'absfname' | 'type' | 'purpose' | 'trust_domain' | 'security_class' | 'minimum_lifetime',
          string
        >,
    )
    const now = Date.now() / 1_000
    const ids = credentials.map((credential) => {
      const text = read(credential.absfname)
      const minimum = Number(credential.minimum_lifetime)
      assert.equal(credential.type, 'scitoken')
      assert.equal(glideinInvalid(text, minimum, now), undefined)
      assert.equal(
        glideinInvalid(text, minimum, now + tokenSeconds - minimum + 60),
        'Token lifetime too short.',
      )
      return [decodeJwt(text.trim()).claims.aud, glideinId(text, credential)]
    })
    assert.deepEqual(
      ids.map(([audience]) => audience),
      ['ce1.example:9619', 'ce2.example:9619'],
    )
    assert.equal(new Set(ids.map(([, id]) => id)).size, 2, 'GlideinWMS tells them apart')
  })

  it('PanDA Harvester: each CE’s token lies at the md5 of its endpoint, and none ends in a newline', async () => {
    const read = await deliver('PanDA Harvester')
    const { submitter, pandacon } = JSON.parse(block('PanDA Harvester', 'json')) as {
      submitter: { tokenDir: string }
      pandacon: { auth_token: string }
    }
    const endpoints = [
      ['ce1.example:9619', harvesterFile('ce1.example', 'htcondor-ce')],
      ['ce1.example:9619', harvesterFile('ce1.example:9619', 'htcondor-ce')],
      ['arc1.example:443', harvesterFile('https://arc1.example', 'arc-ce')],
    ] as const
    for (const [audience, name] of endpoints) {
      const { claims } = decodeJwt(read(`${submitter.tokenDir}/${name}`))
      assert.deepEqual(
        [claims.aud, claims.scope],
        [audience, 'compute.read compute.modify compute.create compute.cancel'],
      )
    }
    const panda = read(pandaTokenPath(pandacon.auth_token))
    assert.match(pandaHeader(panda), /^Bearer [\w-]+\.[\w-]+\.[\w-]+$/)
    assert.throws(() => pandaHeader(`${panda}\n`), 'with a newline it would be none')
  })

  it('WLCG’s discovery: the file where it ends', async () => {
    const read = await deliver('What WLCG’s discovery finds')
    const uid = Number(execFileSync('id', ['-u', account], { encoding: 'utf8' }))
    const text = read(discoveredFile({}, uid))
    assert.equal(decodeJwt(discoveredToken(text)).claims.scope, 'storage.read:/cms')
    assert.match(text, /^\S+\n$/, 'one line')
    assert.equal(discoveredFile({ XDG_RUNTIME_DIR: '/run/user/5' }, 5), '/run/user/5/bt_u5')
  })

  it('Rucio’s client: the file that auth_token_file_path names can be sent as it is', async () => {
    const read = await deliver('Rucio’s client')
    const path = /^auth_token_file_path = (.*)$/m.exec(block('Rucio’s client', 'ini'))?.[1] ?? ''
    const text = read(path.replace('/cmsprod/', `/${account}/`))
    assert.equal(decodeJwt(rucioHeader(text)).claims.aud, 'https://rucio.example')
    assert.throws(() => rucioHeader(`${text}\n`), 'with a newline it could not')
  })

  it('DIRAC’s client: the file that BEARER_TOKEN_FILE names, as JSON', async () => {
    const read = await deliver('DIRAC’s client')
    const path = /BEARER_TOKEN_FILE=(.*)$/m.exec(block('DIRAC’s client', 'sh'))?.[1] ?? ''
    const text = read(
      discoveredFile({ BEARER_TOKEN_FILE: path, XDG_RUNTIME_DIR: '/run/user/5' }, 5).replace(
        'cmsprod',
        account,
      ),
    )
    assert.ok(text.startsWith('{'))
    const { token, expiresAt } = diracToken(text)
    assert.equal(decodeJwt(token).claims.exp, expiresAt)
    assert.equal(diracToken(`${token}\n`).expiresAt, expiresAt, 'a bare token does as well')
  })

  it('XRootD and ARC: nothing is lacking of what they insist on', async () => {
    const read = await deliver('XRootD and ARC')
    const uid = Number(execFileSync('id', ['-u', account], { encoding: 'utf8' }))
    assert.deepEqual(lackingForXrootd(read(`/tmp/bt_u${uid}`), 'https://xrootd.example'), [])
    const forArc = read(`/tmp/bt_u${uid}-arc`)
    assert.deepEqual(lackingForArc(forArc), [])
    assert.equal(decodeJwt(forArc.trim()).claims.aud, 'https://arc1.example')
    assert.deepEqual(
      lackingForXrootd(forArc, 'https://xrootd.example'),
      ['aud', 'scope'],
      'a reader that can say no',
    )
  })
})
