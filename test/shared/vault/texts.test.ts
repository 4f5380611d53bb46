/** Texts of the real htgettoken, Vault and its oauthapp plugin: which reason each is, whether it is final, who is told, and what to do. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Reason, type ReasonCode, reasonOf } from '../../../shared/contracts/reasons.ts'
import { judgeVault, reasonOfVault, vaultCause, vaultWords } from '../../../shared/vault/texts.ts'
import { exited, notFound, timedOut } from '../../services/outcome.ts'

const vault = 'https://vault.lab.example:8200'
const creds = `${vault}/v1/secret/oauth/creds/dune/dunepro:production`
const sts = creds.replace('/creds/', '/sts/')
const lookup = `Looking up vault token at ${vault}/v1/auth/token/lookup-self failed: `
const login = `htgettoken: Kerberos negotiate with ${vault}/v1/auth/kerberos-dune_production/login failed: `
const ticket =
  'Kerberos init failed: MissingCredentialsError: Major (458752): No credentials were supplied, or the credentials were unavailable or inaccessible, Minor (2529639053): '
const gss =
  'Kerberos init failed: GSSError: Major (851968): Unspecified GSS failure.  Minor code may provide more information, Minor (2529639068): '
const read = `Read token from ${creds} failed: `
const exchange = `Read token from ${sts} failed: `
const list = (...errors: string[]) =>
  `${errors.length} error${errors.length > 1 ? 's' : ''} occurred:\n${errors.map((one) => `\t* ${one}\n`).join('')}\n`
const denied = list('permission denied')
const gaveUp = `htgettoken: Failure getting token from ${vault}\n`

/** As htgettoken does alone: what it logs on stdout, its last word on stderr. */
const said = (...lines: string[]) => {
  const fatal = lines.filter((line) => line.startsWith('htgettoken: '))
  const logged = lines.filter((line) => !line.startsWith('htgettoken: '))
  return exited(1, fatal.length > 0 ? `${fatal.join('\n')}\n` : gaveUp, `${logged.join('\n')}\n`)
}

const [experiment, administrators, nobody] = ['experiment', 'administrators', 'nobody'] as const
type Row = [
  outcome: ReturnType<typeof exited>,
  code: ReasonCode,
  finality: 'final' | 'tried again',
  turn: Reason['turn'],
  toDo: RegExp,
]

const login1st = [experiment, /has to log in once/] as const
const issuerAway = ['issuer-unreachable', 'tried again', administrators, /Check the token issuer/] as const
const issuerWrong = [
  'issuer-misconfigured',
  'final',
  administrators,
  /Correct the client at the issuer/,
] as const
const policy = ['permission-denied', 'final', administrators, /Vault policy/] as const
const badTicket = ['vault-login-refused', 'final', administrators, /Vault’s own keytab/] as const
const noTicket = ['ticket-unusable', 'tried again', administrators, /state directory/] as const
const scopes = ['bearer-refused', 'final', administrators, /scopes and audience/] as const
const away = ['vault-unreachable', 'tried again', administrators, /Check the Vault server/] as const
const limited = ['rate-limited', 'tried again', nobody, /after the pause/] as const
const tls = ['vault-tls', 'tried again', administrators, /certificate/] as const

const network = (what: string) =>
  `MaxRetryError: HTTPSConnectionPool(host='192.0.2.9', port=8200): Max retries exceeded with url: /v1/x?minimum_seconds=60 (Caused by ${what})`
const server = (problem: string) =>
  `HTTPError: Bad Request: server "dune" has configuration problems: ${problem}`
const wellKnown = 'Get "https://issuer.example/.well-known/openid-configuration": '

const table: Record<string, Row> = {
  // The experiment's login.
  'nobody has logged in': [
    said(`${read}HTTPError: Not Found: `),
    'authentication-needed',
    'final',
    ...login1st,
  ],
  'the issuer does not take the login any more': [
    said(`${read}HTTPError: Bad Request: refresh failed: server rejected request: invalid_grant: expired`),
    ...(['authentication-needed', 'final'] as const),
    ...login1st,
  ],
  'the same, where the login is read for a bearer token with fewer rights': [
    said(`${exchange}HTTPError: Bad Request: refresh failed: server rejected request: invalid_grant`),
    ...(['authentication-needed', 'final'] as const),
    ...login1st,
  ],
  'the login is refused with the current client secret, an old one is refused first': [
    said(
      `${read}HTTPError: Bad Request: refresh failed: provider request failed for all client secrets:\n\t\t* server rejected request: invalid_client\n\t\t* server rejected request: invalid_grant`,
    ),
    ...(['authentication-needed', 'final'] as const),
    ...login1st,
  ],

  // The issuer.
  'Vault could not ask the issuer': [said(`${read}HTTPError: Bad Request: token expired`), ...issuerAway],
  'the issuer has no name': [
    said(read + server(`${wellKnown}dial tcp: lookup issuer.example: no such host`)),
    ...issuerAway,
  ],
  'the issuer is slow': [
    said(read + server(`${wellKnown}dial tcp 192.0.2.1:443: i/o timeout`)),
    ...issuerAway,
  ],
  'the issuer is slower': [said(read + server(`${wellKnown}context deadline exceeded`)), ...issuerAway],
  'nothing listens at the issuer': [
    said(read + server(`${wellKnown}dial tcp 192.0.2.1:443: connect: connection refused`)),
    ...issuerAway,
  ],
  'the issuer has a server error': [
    said(read + server('error making new provider: 503 Service Unavailable: <html>')),
    ...issuerAway,
  ],
  'the issuer breaks off': [said(read + server(`${wellKnown}EOF`)), ...issuerAway],
  'Vault does not accept the issuer’s certificate': [
    said(read + server(`${wellKnown}tls: failed to verify certificate: x509: certificate has expired`)),
    ...issuerAway,
  ],
  'the issuer is away while Vault trades': [
    said(
      `${exchange}HTTPError: Internal Server Error: ${list('Post "https://issuer.example/token": dial tcp 192.0.2.1:443: connect: connection refused')}`,
    ),
    ...issuerAway,
  ],
  'the issuer has a server error while Vault trades': [
    said(
      `${exchange}HTTPError: Internal Server Error: ${list('oauth2: cannot fetch token: 503 Service Unavailable\nResponse: <html>invalid_grant</html>')}`,
    ),
    ...issuerAway,
  ],
  'the issuer limits Vault, which is no limit of Vault': [
    said(
      `${exchange}HTTPError: Internal Server Error: ${list('oauth2: cannot fetch token: 429 Too Many Requests')}`,
    ),
    ...issuerAway,
  ],
  'the issuer asks for patience': [
    said(
      `${exchange}HTTPError: Internal Server Error: ${list('server rejected request: temporarily_unavailable: try later')}`,
    ),
    ...issuerAway,
  ],
  'the issuer asks for patience, as Go’s library says it': [
    said(`${exchange}HTTPError: Internal Server Error: ${list('oauth2: "server_error" "try later"')}`),
    ...issuerAway,
  ],
  'the issuer refuses Vault’s client': [
    said(
      `${read}HTTPError: Bad Request: refresh failed: server rejected request: invalid_client: Bad credentials`,
    ),
    ...issuerWrong,
  ],
  'the issuer does not understand Vault': [
    said(`${read}HTTPError: Bad Request: refresh failed: server rejected request: invalid_request`),
    ...issuerWrong,
  ],
  'the issuer does not let Vault’s client trade': [
    said(`${exchange}HTTPError: Bad Request: exchange failed: server rejected request: unauthorized_client`),
    ...issuerWrong,
  ],
  'Vault does not know the issuer any more': [
    said(`${read}${server('server configuration does not exist (was it deleted?)')}`),
    ...issuerWrong,
  ],
  'Vault does not know the issuer, while a login is kept': [
    said(
      `htgettoken: Refresh token storage to ${vault}/v1/x failed: HTTPError: Bad Request: server configuration does not exist (was it deleted?)`,
    ),
    ...issuerWrong,
  ],
  'Vault has no secret for the issuer': [
    said(read + server('missing client secret in configuration')),
    ...issuerWrong,
  ],
  'the issuer calls itself something else': [
    said(read + server('oidc: issuer did not match the issuer returned by provider')),
    ...issuerWrong,
  ],
  'the issuer has no such page': [said(read + server('404 Not Found: ')), ...issuerWrong],

  // Bearer tokens with fewer rights.
  'a life that the issuer does not give': [
    said(`${exchange}HTTPError: Bad Request: token expired`),
    'bearer-life-refused',
    'final',
    administrators,
    /Lower minSeconds/,
  ],
  'an audience that the issuer does not give': [
    said(
      `${exchange}HTTPError: Internal Server Error: ${list('server rejected request: invalid_target: Unknown audience')}`,
    ),
    ...scopes,
  ],
  'a right that the issuer does not give': [
    said(`${exchange}HTTPError: Internal Server Error: ${list('server rejected request: access_denied')}`),
    ...scopes,
  ],
  'a scope that the issuer does not give': [
    said(
      `${exchange}HTTPError: Bad Request: exchange failed: server rejected request: invalid_scope: storage.modify`,
    ),
    ...scopes,
  ],
  'a trade that the issuer refuses does not ask for a login': [
    said(`${exchange}HTTPError: Bad Request: exchange failed: server rejected request: invalid_grant`),
    ...scopes,
  ],

  // Tickets.
  'a bad or stale ticket, or a stale keytab of Vault': [
    said(`${login}HTTPError: Unauthorized:`),
    ...badTicket,
  ],
  'Vault has no login by ticket that works': [
    said(`${login}HTTPError: Bad Request: could not load keytab`),
    ...badTicket,
  ],
  'the ticket file is gone': [
    said(`${ticket}No Kerberos credentials available (default cache: FILE:/x)`),
    ...noTicket,
  ],
  'the ticket file is rubbish': [
    said(
      `${ticket}No Kerberos credentials available: Unsupported credentials cache format version number (filename: /x)`,
    ),
    ...noTicket,
  ],
  'the ticket is over': [
    said(
      'Kerberos init failed: ExpiredCredentialsError: Major (720896): The referenced credential has expired, Minor (2529638944): Ticket expired',
    ),
    ...noTicket,
  ],
  'no KDC answers': [
    said(`${gss}Cannot contact any KDC for realm 'FNAL.GOV'.`),
    'kdc-unreachable',
    'tried again',
    administrators,
    /the KDCs in krb5.conf/,
  ],
  'the clock is wrong': [
    said(`${gss}Clock skew too great.`),
    'clock-skew',
    'tried again',
    administrators,
    /clock/,
  ],
  'the KDC does not know Vault': [
    said(`${gss}Server host/vault.lab.example@FNAL.GOV not found in Kerberos database.`),
    ...badTicket,
  ],

  // Policy.
  'a right is missing at the bearer token': [said(`${read}HTTPError: Forbidden: ${denied}`), ...policy],
  'a path that Vault does not have': [said(`${read}HTTPError: Forbidden: permission denied`), ...policy],
  'another’s ticket': [said(`${login}HTTPError: Forbidden: ${denied}`), ...policy],
  'an issuer that Vault does not have, at a person’s login': [
    said(`htgettoken: Initiating authentication to ${vault} failed: HTTPError: Forbidden: ${denied}`),
    ...policy,
  ],
  'somebody else’s login': [
    said(`htgettoken: Refresh token storage to ${vault}/v1/x failed: HTTPError: Forbidden: ${denied}`),
    ...policy,
  ],
  'a token that may not be traded': [
    said(
      `htgettoken: getting vault token from ${vault}/v1/auth/token/create failed: HTTPError: Forbidden: ${denied}`,
    ),
    ...policy,
  ],

  // Limits.
  'a rate limit at the login': [said(`${login}HTTPError: Too Many Requests:`), ...limited],
  'a rate limit at the bearer token': [said(`${read}HTTPError: 429`), ...limited],
  'a rate limit, in full': [
    said(
      `${read}HTTPError: Too Many Requests: request path "secret/oauth/creds/dune/dunepro:production": rate limit quota exceeded`,
    ),
    ...limited,
  ],

  // Vault itself.
  'nothing listens': [said(`${read}<urlopen error [Errno 111] Connection refused>`), ...away],
  'nothing listens, in full': [
    said(
      read +
        network(
          "NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x7f429>: Failed to establish a new connection: [Errno 111] Connection refused')",
        ),
    ),
    ...away,
  ],
  'silence, in full': [
    said(
      login +
        network(
          `ReadTimeoutError("HTTPSConnectionPool(host='192.0.2.9', port=8200): Read timed out. (read timeout=10)")`,
        ),
    ),
    ...away,
  ],
  'the name does not resolve': [said(`${login}gaierror: [Errno -2] Name or service not known`), ...away],
  'the name has no address': [
    said(`${login}RuntimeError: ('no ip address found for', 'vault.lab.example')`),
    ...away,
  ],
  'no route': [said('<urlopen error [Errno 113] No route to host>'), ...away],
  'a connection that breaks': [said('Remote end closed connection: RemoteDisconnected'), ...away],
  'a server that says good-bye in the middle of TLS': [
    said(
      login +
        network(
          "SSLError(SSLEOFError(8, '[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol'))",
        ),
    ),
    ...away,
  ],
  'a server error': [said(`${read}HTTPError: 500 Internal Server Error`), ...away],
  'a server error of Vault’s own': [
    said(`${read}HTTPError: Internal Server Error: ${list('barrier is sealed')}`),
    ...away,
  ],
  'a standby that reaches nobody': [
    said(
      `${read}HTTPError: Internal Server Error: ${list('rpc error: code = Unavailable desc = transport: Error while dialing: dial tcp 192.0.2.1:8201: connect: connection refused')}`,
    ),
    ...away,
  ],
  'a sealed Vault': [said(`${read}HTTPError: Service Unavailable: Vault is sealed`), ...away],
  'a status without a name': [said(`${read}KeyError: 520`), ...away],
  'something else answers in Vault’s place': [
    said(
      `htgettoken: decoding response from ${creds} failed: JSONDecodeError: Expecting value: line 1 column 1 (char 0)`,
    ),
    ...away,
  ],
  'a certificate': [
    said(
      login +
        network(
          "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:992)'))",
        ),
    ),
    ...tls,
  ],

  // The same in other letters, and through other hands.
  'a token that is over, in other letters': [
    said(`${read}HTTPError: BAD REQUEST: Token is expired.`),
    ...issuerAway,
  ],
  'a life that is too long, in other letters': [
    said(`${exchange}HTTPError: 400 Bad Request: Token expired.`),
    ...(['bearer-life-refused', 'final'] as const),
    ...([administrators, /Lower minSeconds/] as const),
  ],
  'a login that is not there, in other letters': [
    said(`${read}HTTPError: NOT FOUND: `),
    ...(['authentication-needed', 'final'] as const),
    ...login1st,
  ],
  'a login that is refused, in other letters': [
    said(`${read}HTTPError: Bad Request: refresh failed: server rejected request: Invalid_Grant`),
    ...(['authentication-needed', 'final'] as const),
    ...login1st,
  ],
  'Vault does not know the issuer, said alone': [
    said(`${read}HTTPError: Bad Request: server configuration does not exist`),
    ...issuerWrong,
  ],
  'the issuer limits Vault while the login is used': [
    said(
      `${read}HTTPError: Bad Request: refresh failed: oauth2: cannot fetch token: 429 Too Many Requests\nResponse: slow`,
    ),
    ...issuerAway,
  ],
  'the issuer’s name is not resolved for now': [
    said(read + server(`${wellKnown}dial tcp: lookup issuer.example: Temporary failure in name resolution`)),
    ...issuerAway,
  ],
  'the issuer closes its connections': [
    said(read + server(`${wellKnown}http2: server sent GOAWAY and closed the connection`)),
    ...issuerAway,
  ],
  'the issuer’s address is no web address': [
    said(read + server('Get "issuer.example": unsupported protocol scheme ""')),
    ...issuerWrong,
  ],
  'a proxy does not find Vault': [said(`${read}HTTPError: Not Found: <html>\n<h1>nginx</h1>`), ...away],
  'a proxy does not let us through': [said(`${read}HTTPError: Forbidden: <!DOCTYPE html>`), ...away],
  'a proxy has no patience, and its own words': [said(`${read}HTTPError: Gateway Time-out`), ...away],
  'a server that has no patience': [said(`${read}HTTPError: Request Timeout: `), ...away],
  'half an answer': [said(`${read}IncompleteRead: IncompleteRead(0 bytes read)`), ...away],
  'an answer that is none': [said(`${login}BadStatusLine: HTTP/0`), ...away],
  'a proxy that refuses to connect': [
    said(
      login +
        network(
          "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy Authentication Required'))",
        ),
    ),
    ...(['proxy-failed', 'tried again'] as const),
    ...([administrators, /Check the proxy/] as const),
  ],
  'lines with a date before them': [
    said(`2026-11-02 12:00:01 [dune] ${read}HTTPError: Not Found: `),
    ...(['authentication-needed', 'final'] as const),
    ...login1st,
  ],
  'lines with a wrapper’s name before each': [
    said(
      `${exchange}HTTPError: Internal Server Error: ${list('server rejected request: invalid_target')}`.replaceAll(
        /^/gm,
        'wrapper: ',
      ),
    ),
    ...scopes,
  ],
  'lines in colour, as a terminal ends them': [
    said(
      `\u001b[31m${exchange}HTTPError: Internal Server Error: ${list('server rejected request: access_denied')}\u001b[0m`.replaceAll(
        '\n',
        '\r\n',
      ),
    ),
    ...scopes,
  ],

  // The last answer decides.
  'a kept token that was refused, and nobody has logged in': [
    said(`${lookup}HTTPError: Forbidden: ${denied}`, `${read}HTTPError: Not Found: `),
    'authentication-needed',
    'final',
    ...login1st,
  ],
  'a kept token that was refused, and a bad ticket': [
    said(`${lookup}HTTPError: Forbidden: ${denied}`, `${login}HTTPError: Unauthorized:`),
    ...badTicket,
  ],
  'a kept token that was refused, and the issuer is away': [
    said(`${lookup}HTTPError: Forbidden: ${denied}`, `${read}HTTPError: Bad Request: token expired`),
    ...issuerAway,
  ],
  'a kept token that was refused by a Vault that then goes': [
    said(`${lookup}HTTPError: Forbidden: ${denied}`, `${login}HTTPError: Bad Gateway: <html>`),
    ...away,
  ],

  // Nothing but what Vault said counts.
  'names that hold numbers and words of other failures': [
    said(
      'Read token from https://tls-429.vault.example:503/v1/secret/oauth/creds/ssl/dune-500/429:production failed: HTTPError: Not Found: ',
    ),
    'authentication-needed',
    'final',
    ...login1st,
  ],
  'numbers that say nothing': [
    said('  429 seconds remaining', `${read}HTTPError: Not Found: `),
    'authentication-needed',
    'final',
    ...login1st,
  ],
  'a full disk': [
    said("htgettoken: failure writing file: OSError: [Errno 28] No space left on device: '/state/tokens'"),
    'disk-full-here',
    'tried again',
    administrators,
    /Free space/,
  ],
  'its deadline': [timedOut, 'timeout', 'tried again', administrators, /stopped at its deadline/],
}

describe('why htgettoken failed', () => {
  for (const [what, [outcome, code, finality, turn, toDo]] of Object.entries(table))
    it(`${what}: ${code}, ${finality}, ${turn}`, () => {
      assert.equal(reasonOfVault(outcome), code)
      const reason = reasonOf(code)
      assert.deepEqual([reason?.permanent ? 'final' : 'tried again', reason?.turn], [finality, turn])
      assert.match(reason?.action ?? '', toDo)
    })

  const unknown = {
    'no cause': said(),
    'a refusal that is none of the above, which asks nobody to log in': said(
      `${read}HTTPError: Bad Request: something new`,
    ),
    'a file of our own that may not be written': said(
      "htgettoken: failure creating file: PermissionError: [Errno 13] Permission denied: '/state/tokens'",
    ),
    'a missing program': notFound,
    'something new': said('a surprise'),
  }
  for (const [what, outcome] of Object.entries(unknown))
    it(`${what}: not known`, () => assert.equal(reasonOfVault(outcome), undefined))

  it('asks nobody of an experiment for anything but the two that only a login mends', () => {
    const asked = Object.values(table).filter(([, code]) => reasonOf(code)?.turn === experiment)
    for (const [outcome] of asked)
      assert.match(
        `${outcome.stdout}${outcome.stderr}`,
        /Not Found: ?\n|refresh failed: [\s\S]*invalid_grant/i,
      )
  })

  it('has a sentence for people for each reason', () => {
    for (const [, code] of Object.values(table)) assert.ok(code === 'timeout' || vaultWords[code], code)
  })
})

/** The storer runs htgettoken twice, all of it on stderr, and says its own words after any failure. */
const storer = (first: string, second = first) =>
  exited(
    1,
    `\nAttempting to get tokens for dune_production\n${first}\n${gaveUp}Authentication needed for dune_production\nDisabling oidc because running in the background\n${second}\n${gaveUp}condor_vault_storer: htgettoken failed\n`,
  )

describe('inside condor_vault_storer', () => {
  const rows: Record<string, [ReturnType<typeof exited>, ReasonCode]> = {
    'nobody has logged in, with a kept token that is refused': [
      storer(`${lookup}HTTPError: Forbidden: ${denied}${read}HTTPError: Not Found: `),
      'authentication-needed',
    ],
    'an issuer that goes away between the two': [
      storer(`${read}HTTPError: Service Unavailable: `, `${read}HTTPError: Bad Request: token expired`),
      'issuer-unreachable',
    ],
    'a Vault that comes back between the two': [
      storer(login + network('Connection refused'), `${read}HTTPError: Not Found: `),
      'authentication-needed',
    ],
  }
  for (const [what, [outcome, code]] of Object.entries(rows))
    it(`${what}: the second decides, ${code}`, () => assert.equal(reasonOfVault(outcome), code))
})

describe('a kept vault token', () => {
  const refused = `${lookup}HTTPError: Forbidden: ${denied}`
  const rows: Record<string, [ReturnType<typeof exited>, boolean]> = {
    'is no good where Vault refuses to look at it': [said(refused, `${read}HTTPError: Not Found: `), true],
    'is no good where Vault refuses it, and then there is no ticket': [
      said(refused, `${gss}Cannot contact any KDC`),
      true,
    ],
    'is no good where reading with it is refused and a login follows': [
      said(`${read}HTTPError: Forbidden: ${denied}`, `${read}HTTPError: Not Found: `),
      true,
    ],
    'is no good where it is an empty file': [
      said(`${lookup}HTTPError: Bad Request: missing client token`, `${login}HTTPError: Unauthorized:`),
      true,
    ],
    'is no good in the storer either': [storer(`${refused}${read}HTTPError: Not Found: `), true],
    'may be good where Vault does not answer': [
      said(`${lookup}HTTPError: Bad Gateway: `, `${login}HTTPError: Bad Gateway: `),
      false,
    ],
    'may be good where Vault wants a pause': [said(`${lookup}HTTPError: Too Many Requests:`), false],
    'may be good where a new one is refused': [said(`${read}HTTPError: Forbidden: ${denied}`), false],
  }
  for (const [what, [outcome, isRefused]] of Object.entries(rows))
    it(what, () => assert.equal(judgeVault(outcome).keptRefused, isRefused))
})

describe('a new ticket', () => {
  const rows: Record<string, [ReturnType<typeof exited>, boolean]> = {
    'may help where Vault does not take this one': [said(`${login}HTTPError: Unauthorized:`), true],
    'may help where Vault forbids its owner': [said(`${login}HTTPError: Forbidden: ${denied}`), true],
    'may help where there is none': [said(`${ticket}No Kerberos credentials available`), true],
    'may help where it is over': [said('Kerberos init failed: ExpiredCredentialsError: expired'), true],
    'does not help where no KDC answers': [said(`${gss}Cannot contact any KDC for realm 'FNAL.GOV'`), false],
    'does not help after the login': [said(`${read}HTTPError: Forbidden: ${denied}`), false],
    'does not help where Vault is away': [said(login + network('Connection refused')), false],
    'does not help against a rate limit': [said(`${login}HTTPError: Too Many Requests:`), false],
  }
  for (const [what, [outcome, helps]] of Object.entries(rows))
    it(what, () => assert.equal(judgeVault(outcome).ticketRefused, helps))
})

describe('what is at fault', () => {
  const at = { vaultServer: 'https://vault.lab.example:8200', issuer: 'dune' }
  const rows: [ReasonCode, string | undefined][] = [
    ['vault-unreachable', 'vault.lab.example'],
    ['vault-login-refused', 'vault.lab.example'],
    ['rate-limited', 'vault.lab.example'],
    ['issuer-unreachable', 'dune at vault.lab.example'],
    ['issuer-misconfigured', 'dune at vault.lab.example'],
    ['authentication-needed', undefined],
    ['bearer-refused', undefined],
  ]
  for (const [code, name] of rows)
    it(`for ${code} is ${name ?? 'the target itself'}`, () => {
      assert.equal(vaultCause(code, at), name)
      assert.equal(vaultCause(code, { ...at, vaultServer: 'vault.lab.example' }), name)
    })

  it('is the issuer by the name that Vault gives it', () => {
    assert.equal(judgeVault(said(read + server('EOF'))).issuer, 'dune')
    assert.equal(judgeVault(said(`${read}HTTPError: Bad Request: token expired`)).issuer, undefined)
  })
})
