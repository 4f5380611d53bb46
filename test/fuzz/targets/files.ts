/** Files that others have written, or that were damaged: ticket caches, tokens, keys. A character stands for a byte. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Prefix } from '@nats-io/nkeys'
import { bearerExpiry } from '../../../services/refresher/credentials/bearer-token.ts'
import { renewalTime } from '../../../services/refresher/credentials/bearers.ts'
import { judgeToken } from '../../../services/refresher/issuer/token-from-issuer.ts'
import { openLoginFiles } from '../../../services/refresher/logins/login-files.ts'
import { namesService } from '../../../services/storer/condor/whose-token.ts'
import { publicKeyOf } from '../../../shared/bus/nkey.ts'
import { timestamp } from '../../../shared/contracts/messages.ts'
import { readOpening } from '../../../shared/daemon/sealing-keys.ts'
import { readCcache } from '../../../shared/kerberos/ccache.ts'
import { isOf } from '../../../shared/kerberos/kinit.ts'
import { describeTokens } from '../../../shared/tokens/describe-tokens.ts'
import { isTokenWord } from '../../../shared/tokens/token-word.ts'
import { ccacheBytes } from '../../shared/kerberos/ccache-bytes.ts'
import { makeEntry } from '../../support/entry.ts'
import { orTypedNow } from '../promises.ts'
import { type FuzzTarget, pureTarget } from '../target.ts'

const mostOfFile = 256 * 1024
const bytesOf = (text: string) => Buffer.from(text, 'latin1')

const client = ['dunepro', 'robot', 'lab.example']
const cache = (realm: string, server: readonly string[]) =>
  ccacheBytes({ client, realm, tickets: [{ server, end: 1_900_000_000 }] }).toString('latin1')
const lengths = [
  '\u0000\u0000\u0000\u0000',
  '\u00ff\u00ff\u00ff\u00ff',
  '\u0000\u0000\u0000\u0001',
  '\u0005\u0004\u0000\u0000',
  '\u007f\u00ff\u00ff\u00ff',
]

/** A ticket is believed where all of it is there. */
export const ccache = pureTarget(
  {
    name: 'ccache',
    words: [cache('LAB.EXAMPLE', ['krbtgt', 'LAB.EXAMPLE']), cache('LAB.EXAMPLE', ['host', 'a']), ...lengths],
    longest: mostOfFile,
  },
  (text) => {
    const ticket = readCcache(bytesOf(text))
    if (!ticket) return
    assert.ok(Number.isSafeInteger(ticket.endMs) && ticket.endMs <= 2 ** 32 * 1_000)
    assert.ok(text.startsWith('\u0005\u0004') && text.includes('krbtgt'))
    assert.equal(typeof isOf(ticket.principal, 'dunepro/robot/lab.example@LAB.EXAMPLE'), 'boolean')
  },
)

const jwt = (payload: string) => `e30.${Buffer.from(payload).toString('base64url')}.x`
const claims = [
  '{"exp":',
  '"iat":',
  '"expires_in":',
  'mac',
  '"wlcg.groups":',
  '["/dune"]',
  '"aud":',
  '"scope":"a b"',
  '1900000000',
  '8640000000001',
  '1e308',
  '-1',
  '}',
]

/** A token's own word on its end is a time, whatever it says. */
export const bearer = pureTarget({ name: 'bearer-token', words: claims, longest: mostOfFile }, (payload) => {
  const now = Date.UTC(2031, 0, 1)
  const entry = makeEntry({
    deliver: { vault: false, bearers: [{ scopes: [], audience: [], minSeconds: 600 } as never] },
  })
  for (const token of [payload, jwt(payload)]) {
    const expiry = bearerExpiry(token, 600, now)
    assert.ok(Number.isFinite(renewalTime(expiry.getTime(), 600, now)), `${expiry}`)
    assert.equal(typeof namesService(token, entry), 'boolean')
    const life = Number(/expires_in":([^,}]*)/.exec(payload)?.[1] ?? 600)
    const answered = {
      access_token: token,
      expires_in: Number.isNaN(life) ? undefined : life,
      token_type: payload.includes('mac') ? payload : 'bearer',
    }
    const judged = orTypedNow(() => judgeToken(entry, answered as never, { url: 'https://i.example' }, now))
    if (judged) assert.ok(isTokenWord(judged.token) && Date.parse(timestamp(judged.expiry)) > now)
    const [described] = describeTokens(entry, {
      expiry: timestamp(expiry),
      bearers: [{ token, expiry: timestamp(expiry) }],
    })
    assert.equal(described?.type, 'bearer')
  }
})

/** Seeds are put together here: none of them opens anything. */
const seeds = ['SXA', 'SAA', 'SUA', 'A'.repeat(52), '7'.repeat(20), '=', 'XBQ', '\n']

/** A key is one whole seed of its kind, or its file is named and nothing of what is in it. */
export const keys: FuzzTarget = {
  ...{ name: 'keys', words: seeds, longest: mostOfFile, cases: 50 },
  open() {
    const directory = mkdtempSync(join(tmpdir(), 'fuzz-keys-'))
    const [seedFile, logins] = [join(directory, 'seed'), openLoginFiles(directory)]
    return {
      async read(text) {
        writeFileSync(seedFile, text)
        const opened = await readOpening(
          { seedFile, previousSeedFiles: [], trustedSigners: [] } as never,
          directory,
        ).catch((error: Error) => {
          assert.match(error.message, /holds no curve seed/)
          assert.ok(text.trim().length < 12 || !error.message.includes(text.trim()), 'quotes the seed')
          return undefined
        })
        for (const seed of opened?.seeds ?? [])
          assert.match(publicKeyOf(seed, Prefix.Curve), /^X[A-Z2-7]{55}$/)
        assert.equal(await logins.read('dune_production'), undefined)
      },
      async [Symbol.asyncDispose]() {
        rmSync(directory, { recursive: true, force: true })
      },
    }
  },
}
