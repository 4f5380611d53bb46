/** Bearer tokens for nodes: what htgettoken is asked, how each fails by itself, and when they are made anew. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import pino from 'pino'
import {
  bearerArguments,
  bearerExpiry,
  outFileOf,
} from '../../../../services/refresher/credentials/bearer-token.ts'
import { makeBearers, renewalTime, retryMs } from '../../../../services/refresher/credentials/bearers.ts'
import { tokenFiles } from '../../../../services/refresher/credentials/htgettoken.ts'
import { audience as audienceGrammar, tokenScope } from '../../../../shared/config/schema/grammar.ts'
import type { Entry } from '../../../../shared/config/site.ts'
import { RetryLater } from '../../../../shared/contracts/errors.ts'
import { entryOf } from '../../build.ts'

type Delivery = Entry['deliver']

const log = pino({ level: 'silent' })
const jwt = (claims: object) =>
  ['{"alg":"ES256"}', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.')

describe('htgettoken’s argument list for a bearer token', () => {
  const files = tokenFiles({ name: 'dune' }, { directory: '/state/tokens' })
  const argumentsOf = (scopes: string[], audience: string[]) =>
    bearerArguments(
      { ...entryOf(), credkey: 'dunepro' },
      { scopes, audience, minSeconds: 1_800 },
      { vaultServer: 'vault.lab.example' },
      files,
      `${files.home}/bearer-`,
    )

  it('is the vault token’s, reads that token, makes no other, and names scopes and audiences', () => {
    assert.deepEqual(argumentsOf(['compute.read', 'storage.read:/dune'], ['https://a.example', 'b']), [
      ...[
        '-v',
        '--nooidc',
        '--nossh',
        '--vaultserver=vault.lab.example',
        '--issuer=dune',
        '--role=production',
      ],
      ...['--credkey=dunepro', '--vaulttokeninfile=/state/tokens/dune/vault-token'],
      ...['--vaulttokenfile=/state/tokens/dune/vault-token.new', '--configdir=/state/tokens/dune/config'],
      ...['--nokerberos', '--scopes=compute.read,storage.read:/dune', '--audience=https://a.example,b'],
      ...['--minsecs=1800', '--outfile=/state/tokens/dune/bearer-'],
    ])
  })

  it('has as many words as ever, whatever scopes and audiences pass the configuration', () => {
    const usual = argumentsOf(['a'], ['b']).map((word) => word.split('=')[0])
    const edge = fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9_.@/:~%+=-]{1,20}$/),
      fc.stringMatching(/^-{0,2}[A-Za-z0-9_.:, ='"$`;|&/-]{1,20}$/),
      fc.constantFrom('--nokerberos', 'a,admin', 'x --minsecs=1', 'a\n-a'),
    )
    const passing = (schema: typeof tokenScope) =>
      fc.array(
        edge.filter((text) => schema.safeParse(text).success),
        { minLength: 1, maxLength: 4 },
      )
    fc.assert(
      fc.property(passing(tokenScope), passing(audienceGrammar), (scopes, audience) => {
        const words = argumentsOf(scopes, audience)
        assert.deepEqual(
          words.map((word) => word.split('=')[0]),
          usual,
        )
        const list = words.find((word) => word.startsWith('--scopes='))?.slice('--scopes='.length)
        assert.deepEqual(list?.split(','), scopes)
      }),
      { numRuns: 200 },
    )
  })
})

describe('when a bearer token ends', () => {
  const now = Date.UTC(2031, 0, 1)
  it('is what it claims', () => {
    assert.equal(bearerExpiry(jwt({ exp: 1_924_995_600 }), 60, now).getTime(), 1_924_995_600_000)
  })
  for (const token of ['', 'opaque', 'a.b.c', jwt({}), jwt({ exp: 'soon' })])
    it(`is after what was asked for where it claims nothing: ${JSON.stringify(token.slice(0, 20))}`, () => {
      assert.equal(bearerExpiry(token, 60, now).getTime(), now + 60_000)
    })
})

describe('a bearer token is renewed', () => {
  const minutes = (life: number, minSeconds: number, minimum = 0) =>
    renewalTime(life * 60_000, minSeconds, 0, minimum * 60_000) / 60_000
  const table: Record<string, [life: number, minSeconds: number, after: number, minimum?: number]> = {
    'of an hour, at half its life': [60, 1_800, 30],
    'of an hour that should have had more life, at half its life': [60, 3_600, 30],
    'of three hours, with minSeconds left': [180, 1_800, 150],
    'that is over already, as a failure is tried again': [-5, 1_800, 15],
    'that is as good as over, in the same way': [1.5, 1_800, 15],
    'whose consumer wants 40 minutes of it, before there are fewer': [360, 2_760, 314, 40],
    'whose consumer wants most of its life, at half of what is to spare': [60, 3_300, 5, 50],
    'that its consumer passes over in a minute, as a failure is tried again': [51, 3_300, 15, 50],
  }
  for (const [what, [life, minSeconds, due, minimum]] of Object.entries(table))
    it(what, () => assert.equal(minutes(life, minSeconds, minimum), due))

  it('while some of its life is left, whatever it is', () => {
    const lifetimes = fc.integer({ min: 120_000, max: 86_400_000 })
    fc.assert(
      fc.property(lifetimes, fc.integer({ min: 60, max: 21_600 }), (life, minSeconds) => {
        const due = renewalTime(life, minSeconds, 0)
        assert.ok(due >= life / 2 && due < life)
      }),
    )
  })
})

describe('the bearer tokens of an entry', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mt-bearers-'))
  after(() => rmSync(directory, { recursive: true, force: true }))
  const hour = Math.floor(Date.now() / 1_000) + 3_600
  const program = join(directory, 'htgettoken')
  const read = 'https://vault:8200/v1/secret/oauth/sts/dune/dunepro:production'
  writeFileSync(
    program,
    `#!/bin/sh
for word; do case $word in --outfile=*) out=\${word#*=} ;; --scopes=*) scopes=\${word#*=} ;; esac; done
case $scopes in
  refused) echo 'htgettoken: Read token from ${read} failed: HTTPError: Bad Request: exchange failed: server rejected request: invalid_scope' ;;
  long) echo 'htgettoken: Read token from ${read} failed: HTTPError: Bad Request: token expired' ;;
  away) echo 'htgettoken: Read token from ${read} failed: HTTPError: Internal Server Error: 1 error occurred:'
    printf '\t* Post "https://issuer.example/token": dial tcp 192.0.2.1:443: i/o timeout\n\n' ;;
  denied) echo 'htgettoken: Read token from ${read} failed: HTTPError: Forbidden: permission denied' ;;
  limited) echo 'htgettoken: Read token from ${read} failed: HTTPError: Too Many Requests: rate limit quota exceeded' ;;
  down) echo 'htgettoken: Read token from ${read} failed: HTTPError: Service Unavailable: Vault is sealed' ;;
  *) umask 077; echo '${jwt({ exp: hour })}' >"$out"; exit 0 ;;
esac
echo 'htgettoken: Failure getting token from https://vault:8200' >&2
exit 1
`,
  )
  chmodSync(program, 0o755)
  const entry = (...scopes: string[]) => ({
    ...entryOf(),
    deliver: {
      vault: true,
      bearers: scopes.map((scope, index) => ({
        ...{ scopes: [scope], audience: [], minSeconds: 1_800 },
        ...(index > 0 && { purpose: scope }),
      })),
    },
  })
  const stopping = new AbortController()
  const options = {
    ...{ program, vaultServer: 'vault', ccache: '/nowhere', directory, timeoutMs: 60_000, log },
    afterPause: <T>(work: (paused: AbortSignal) => Promise<T>) => work(new AbortController().signal),
    signal: new AbortController().signal,
  }
  const home = tokenFiles(entryOf(), { directory }).home
  mkdirSync(home, { recursive: true, mode: 0o700 })

  it('are made with their life, and nothing of them stays here', async () => {
    const halfLife = () => hour * 1_000 - (hour * 1_000 - Date.now()) / 2
    const earliest = halfLife()
    const { bearers, renewAt } = await makeBearers(entry('compute.read', 'stash'), options)
    const expiry = new Date(hour * 1_000).toISOString()
    assert.deepEqual(bearers, [
      { token: jwt({ exp: hour }), expiry },
      { purpose: 'stash', token: jwt({ exp: hour }), expiry },
    ])
    const due = Date.parse(renewAt ?? '')
    assert.ok(due >= earliest - 1 && due <= halfLife() + 1, 'at half its life')
    assert.deepEqual(readdirSync(home), [])
  })

  it('fail each by itself, with its reason; one that may pass is tried again soon', async () => {
    const before = Date.now()
    const { bearers, renewAt } = await makeBearers(
      entry('refused', 'denied', 'down', 'long', 'away', 'good'),
      options,
    )
    assert.deepEqual(
      bearers.map((one) => ('failure' in one ? one.failure.code : 'made')),
      [
        ...['bearer-refused', 'permission-denied', 'vault-unreachable', 'bearer-life-refused'],
        ...['issuer-unreachable', 'made'],
      ],
    )
    const [first, , , , away] = bearers
    assert.equal(away && 'failure' in away && away.failure.causeName, 'dune at vault')
    assert.ok(first && 'failure' in first)
    assert.match(first.failure.message, /^No bearer token for dune_production from vault: the token issuer/)
    assert.ok(Math.abs(Date.parse(renewAt ?? '') - before - retryMs) < 60_000)
  })

  it('with a life that their consumers pass over are none, and say so; the others are made', async () => {
    const [short, good] = entry('a', 'b').deliver.bearers
    const bearers = [
      { ...short, minimumLifetime: 7_200_000 },
      { ...good, minimumLifetime: 1_800_000 },
    ]
    const made = await makeBearers({ ...entry(), deliver: { vault: false, bearers } as Delivery }, options)
    const [first, second] = made.bearers
    assert.ok(first && 'failure' in first && second && 'token' in second)
    assert.equal(first.failure.code, 'bearer-life-refused')
    assert.match(
      first.failure.message,
      /^The bearer token of dune_production lives (1h|5\dm\d*s?), and its minimumLifetime is 2h: it is not delivered\.$/,
    )
  })

  it('of one purpose and several places are made side by side, each with its own name', async () => {
    const places = ['/srv/a', '/srv/b', undefined].map((path) =>
      outFileOf({ purpose: 'p', ...(path && { path }) }),
    )
    assert.equal(new Set(places).size, 3)
    assert.equal(places[2], 'bearer-p')
    const [one] = entry('a').deliver.bearers
    const bearers = ['/srv/a', '/srv/b'].map((path) => ({ ...one, path }))
    const made = await makeBearers({ ...entry(), deliver: { vault: false, bearers } as Delivery }, options)
    assert.deepEqual(
      made.bearers.map(({ path }) => path),
      ['/srv/a', '/srv/b'],
    )
  })

  it('that were refused for good wait for the next run', async () => {
    assert.equal((await makeBearers(entry('refused'), options)).renewAt, undefined)
  })

  it('say "Too Many Requests" to whoever counts, and then that Vault asks for a pause', async () => {
    let seen: unknown
    const { bearers } = await makeBearers(entry('limited'), {
      ...options,
      afterPause: async (work) => {
        try {
          return await work(new AbortController().signal)
        } catch (error) {
          seen = (error as { failure: { code: string } }).failure.code
          throw new RetryLater(1_000)
        }
      },
    })
    assert.equal(seen, 'rate-limited')
    assert.deepEqual(
      bearers.map((one) => 'failure' in one && one.failure.code),
      ['rate-limited'],
    )
  })

  it('are no failure where the daemon is stopping', async () => {
    stopping.abort(new Error('stopping'))
    const { signal } = stopping
    await assert.rejects(makeBearers(entry('down'), { ...options, signal }))
  })
})
