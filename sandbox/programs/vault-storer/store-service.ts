/** The course of one service in condor_vault_storer: tokens, the question whether the credd has them, the trade, the store. */
import { randomBytes } from 'node:crypto'
import { constants, copyFileSync, existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { isAffected, readFaults } from '../../fault-file.ts'
import { type Program, print } from '../program.ts'
import { identityOf } from '../side-by-side.ts'
import { Refused, type StoreRequest, splitWords } from './arguments.ts'
import type { Configured } from './configuration.ts'
import { callInner } from './inner-call.ts'
import { checkBearer } from './notice-misuse.ts'

/** Words that stay the same for all services of a call. */
export interface Storer {
  readonly program: Program
  readonly configured: Configured
  readonly verbosity: '' | '-v' | '-d'
  /** Says something on standard error, after a blank line (there, or on standard output) if it is the first thing said. */
  say(text: string, blankTo?: 1 | 2): void
}

interface Tokens {
  /** The 28-day vault token, when a new one was made. */
  readonly vaultToken: string | undefined
  readonly url: string
}

/** Where the bearer token of a service is left for the caller. @throws Refused */
export async function storeService(storer: Storer, request: StoreRequest): Promise<string> {
  const { program, verbosity } = storer
  const { env } = program
  const vaultTokenFile = `/tmp/vt_${identityOf(program)}-${request.service}`
  const ownBearer = env.BEARER_TOKEN_FILE
    ? undefined
    : `${env.XDG_RUNTIME_DIR ?? '/tmp'}/bt_${identityOf(program)}`
  const bearerFile = env.BEARER_TOKEN_FILE ?? `${ownBearer}-${request.service}`
  let announces = verbosity !== ''

  const words = [
    '--vaulttokenttl=28d',
    ...(ownBearer ? ['-o', bearerFile] : []),
    ...htgettokenWords(storer, request),
    ...request.options,
  ]
  words.push(`--vaulttokeninfile=${vaultTokenFile}`, '--vaulttokenfile=/dev/stdout', '--showbearerurl')
  const getTokens = async (): Promise<Tokens> => {
    verbose(storer, `Attempting to get tokens for ${request.service}`)
    const silent = await callInner(program, 'htgettoken', [...words, '--nooidc', verbosity || '-q'], {
      output: 'read',
    })
    if (silent.exit === 0) return readLines(silent.output)
    announces = true
    // Without -v this is the first thing said, and its blank line goes astray.
    storer.say(`Authentication needed for ${request.service}`, 1)
    const again = await callInner(program, 'htgettoken', [...words, ...splitWords(verbosity)], {
      output: 'read',
    })
    if (again.exit !== 0) throw new Refused('htgettoken failed')
    return readLines(again.output)
  }

  let tokens = await getTokens()
  if (existsSync(bearerFile)) checkBearer(program, request, readFileSync(bearerFile, 'utf8').trim())
  if (ownBearer) copyBeside(bearerFile, ownBearer)
  const mustQuery = isAffected(readFaults(program.dir)['scope-mismatch'], request.service)
  if (tokens.vaultToken === undefined || mustQuery) {
    const isStored = await query(storer, request.service, [])
    if (!isStored && tokens.vaultToken === undefined) {
      if (existsSync(vaultTokenFile) && !isWritable(vaultTokenFile)) {
        throw new Refused(`No ${request.service} credentials stored and ${vaultTokenFile} is readonly`)
      }
      verbose(storer, `Removing ${vaultTokenFile} because there are no ${request.service} credentials stored`)
      rmSync(vaultTokenFile, { force: true })
      tokens = await getTokens()
      if (tokens.vaultToken === undefined)
        throw new Refused('No new vault token after second try; logic error')
    }
  }
  if (tokens.vaultToken === undefined && !request.handle) return bearerFile

  const handleUrl = await exchange(storer, request, tokens.vaultToken, vaultTokenFile, ownBearer)
  verbose(storer, `Copying ${vaultTokenFile} to /tmp/vt_${identityOf(program)}`)
  copyBeside(vaultTokenFile, `/tmp/vt_${identityOf(program)}`)
  if (tokens.vaultToken !== undefined) {
    await store(
      storer,
      request.service,
      { vault_token: tokens.vaultToken, vault_url: tokens.url },
      [],
      announces,
    )
  }
  if (request.handle) {
    const named = `${request.service}_${request.handle}`
    const limits = [
      ...(request.scopes ? ['-S', request.scopes] : []),
      ...(request.audience ? ['-A', request.audience] : []),
    ]
    if (tokens.vaultToken !== undefined || !(await query(storer, named, limits))) {
      await store(storer, named, { vault_url: handleUrl }, limits, announces)
    }
  }
  return bearerFile
}

/** Trades the long token for one of 7 days, which stays on this machine. */
async function exchange(
  storer: Storer,
  request: StoreRequest,
  vaultToken: string | undefined,
  vaultTokenFile: string,
  ownBearer: string | undefined,
): Promise<string> {
  const { program, verbosity } = storer
  const scratch = temporaryName(`${program.env.XDG_RUNTIME_DIR ?? '/tmp'}/bt_tmp`)
  try {
    const outFile =
      request.handle && ownBearer ? `${ownBearer}-${request.service}_${request.handle}` : scratch
    const limits = [
      ...(request.scopes ? [`--scopes=${request.scopes}`] : []),
      ...(request.audience ? [`--audience=${request.audience}`] : []),
    ]
    const words = [
      ...htgettokenWords(storer, request),
      ...request.options,
      ...limits,
      '--nooidc',
      '--nokerberos',
      '--nossh',
    ]
    words.push('-o', outFile, `--vaulttokenfile=${vaultTokenFile}`, '--showbearerurl', verbosity || '-q')
    if (vaultToken !== undefined) words.push('--vaulttokeninfile=/dev/stdin')
    const { exit, output } = await callInner(program, 'htgettoken', words, {
      output: 'read',
      ...(vaultToken !== undefined && { input: `${vaultToken}\n` }),
    })
    if (exit !== 0)
      throw new Refused(
        vaultToken === undefined ? 'Failed to obtain weakened token' : 'Failed to exchange vault token',
      )
    return output.trim()
  } finally {
    rmSync(scratch, { force: true })
  }
}

async function query(storer: Storer, name: string, limits: readonly string[]): Promise<boolean> {
  verbose(storer, `Checking if ${name} credentials exist`)
  const { exit, output } = await callInner(
    storer.program,
    'condor_store_cred',
    ['query-oauth', ...storeWords(storer, name), ...limits],
    {
      output: 'read',
      errors: 'with-output',
    },
  )
  if (exit === 0) return true
  if (exit === 1) {
    if (output !== '') verbose(storer, output.trimEnd())
    return false
  }
  if (exit === 2) {
    throw new Refused(
      `Credentials exist that do not match the request.\nThey can be removed by\n  condor_store_cred delete-oauth -s ${name}\nbut make sure no other job is using them.`,
    )
  }
  throw new Refused(`${output.trimEnd()}\nQuerying condor credentials failed`)
}

async function store(
  storer: Storer,
  name: string,
  credential: Readonly<Record<string, string>>,
  limits: readonly string[],
  announces: boolean,
): Promise<void> {
  if (announces) print(2, `Storing condor credentials for ${name}\n`)
  const { exit } = await callInner(
    storer.program,
    'condor_store_cred',
    ['add-oauth', ...storeWords(storer, name), ...limits, '-i', '-'],
    {
      input: `${JSON.stringify(credential, undefined, 2)}\n`,
      output: storer.verbosity ? 'show' : 'drop',
    },
  )
  if (exit !== 0) throw new Refused(`Failed to store condor credentials for ${name}`)
}

const htgettokenWords = ({ configured }: Storer, request: StoreRequest) => [
  ...splitWords(configured.getTokenOptions),
  '-i',
  request.issuer,
  ...(request.role === undefined ? [] : ['-r', request.role]),
]

const storeWords = ({ program: { env } }: Storer, name: string) => [
  ...(env.CONDOR_VAULT_STORER_USER ? ['-u', env.CONDOR_VAULT_STORER_USER] : []),
  '-s',
  name,
  ...splitWords(env.SEC_CREDENTIAL_STORECRED_OPTS),
]

function readLines(output: string): Tokens {
  const lines = output.replace(/\n$/, '').split('\n')
  if (lines.length > 2)
    throw new Refused(`Unexpected number of stdout lines from htgettoken: ${lines.length}`)
  return { vaultToken: lines.length === 2 ? lines[0] : undefined, url: lines.at(-1) as string }
}

function verbose(storer: Storer, text: string): void {
  if (storer.verbosity) storer.say(text)
}

/** By way of `<to>.XXXXXXXXXX` and a rename, mode 0600; a killed run leaves that file behind. */
function copyBeside(from: string, to: string): void {
  if (!existsSync(from)) return
  const temporary = temporaryName(to)
  copyFileSync(from, temporary, constants.COPYFILE_EXCL)
  renameSync(temporary, to)
}

const temporaryName = (name: string) => `${name}.${randomBytes(5).toString('hex')}`

/** By its mode alone: root, whom every file obeys, is to meet what a service account meets. */
const isWritable = (file: string) => (statSync(file).mode & 0o200) !== 0
