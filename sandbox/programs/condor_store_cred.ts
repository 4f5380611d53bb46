/** The stand-in for condor_store_cred: `add-oauth`, `query-oauth` and `delete-oauth` against a credd that is a directory of the sandbox. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { isAffected, readFaults } from '../fault-file.ts'
import { passHoldPoint } from '../hold.ts'
import { openBooks, type VaultToken } from '../vault/books.ts'
import { Exit, type Program, print, runProgram } from './program.ts'
import { claimStoring, storesDirectly } from './side-by-side.ts'
import { accountOf, readCondorValue, readPrincipal } from './site-files.ts'

interface Request {
  readonly action: 'add' | 'query' | 'delete'
  /** With its handle, if it has one. */
  readonly service: string
  readonly input: string | undefined
  readonly scopes: string | undefined
  readonly audience: string | undefined
  readonly user: string | undefined
  readonly machine: string | undefined
  readonly debug: boolean
}

await runProgram('condor_store_cred', async (program: Program) => {
  const request = readArguments(program.argv)
  const { dir, env } = program
  const credd = request.machine ?? readCondorValue(dir, env, 'CREDD_HOST')
  program.record({ service: request.service, credd })
  if (!credd) return program.fail('neither -n nor _condor_CREDD_HOST says which credd to use')
  if (!readCondorValue(dir, env, 'COLLECTOR_HOST'))
    return program.fail('_condor_COLLECTOR_HOST is missing: the credd would be looked for in another pool')

  // Only what a daemon itself asks is held, not what a storer does on its way.
  const holdPoint = program.caller === undefined ? 'condor_store_cred' : undefined
  if (holdPoint) await passHoldPoint(dir, `${holdPoint}:${request.service}`)
  const exit = await serve(program, request, credd)
  if (holdPoint) await passHoldPoint(dir, `${holdPoint}-done:${request.service}`)
  return exit
})

async function serve(program: Program, request: Request, credd: string): Promise<number> {
  const { dir, env } = program
  const principal = readPrincipal(env)
  print(1, `Account: ${request.user ?? `<current> (${userInfo().username})`}\nCredType: oauth\n\n`)
  const faults = readFaults(dir)
  if (isAffected(faults['credd-hangs'], credd)) await hang()
  if (isAffected(faults['credd-down'], credd) || !existsSync(join(dir, 'credds', credd)))
    return fail(request, `attempt to connect to ${credd} failed: Connection refused (connect errno = 111).`)
  if (!principal) return refuseLogin(request, 'No credentials cache found')
  if (isAffected(faults['credd-new-keys'], credd) && isFromBefore(program))
    return refuseLogin(request, 'Could not authenticate!')
  if (isAffected(faults['credd-refuses-login'], credd)) return refuseLogin(request, 'Could not authenticate!')
  if (isAffected(faults['credd-refuses'], credd)) {
    const denied = `Received "DENIED" from server for user ${userOf(principal)} using method KERBEROS.`
    return fail(request, `SECMAN: FAILED: ${denied}`, `ERROR: SECMAN:2010:${denied}`)
  }

  // Storing for somebody else is for CRED_SUPER_USERS, and the sandbox has none.
  if (request.user !== undefined && accountOf(request.user) !== accountOf(principal))
    return complain('Operation failed because it is not allowed')

  if (isAffected(faults['credd-misconfigured'], credd))
    return complain('Operation failed because of a configuration error')
  if (!/^[\w+=.-]+$/.test(request.service))
    return complain('Operation aborted due to missing or bad arguments')

  const files = filesOf(join(dir, 'credds', credd, accountOf(principal), request.service))
  if (request.action === 'query') return query(program, request, files, principal)
  if (request.action === 'delete') return remove(files, principal)
  const credential = readCredential(request)
  if (storesDirectly(program)) claimStoring(program, request.service)
  checkBelongs(program, request.service, credential, principal)
  if (isAffected(faults['untrusted-vault-host'], credd))
    return complain('Credential requires interacting with an untrusted host')
  const forgets =
    isAffected(faults['credd-forgets'], credd) ||
    (storesDirectly(program) && isAffected(faults['storer-stores-nothing'], request.service))
  if (!forgets) keep(files.top, JSON.stringify(credential))
  const usedAt = timeOf(files.use)
  print(
    1,
    usedAt === undefined
      ? 'Operation succeeded and is waiting for processing.\n'
      : `Operation succeeded. Credential was stored on ${usedAt.toISOString().slice(0, 19).replace('T', ' ')}\n`,
  )
  showInfo(principal)
  // The credential monitor, which the credd wakes.
  if (!forgets && !isAffected(faults['credmon-down'], credd)) keep(files.use, '{}')
  return 0
}

/** What a credential monitor makes of a `.top` is its `.use`. */
function filesOf(stem: string): Files {
  return { top: `${stem}.top`, use: `${stem}.use` }
}

interface Files {
  readonly top: string
  readonly use: string
}

function query(program: Program, request: Request, files: Files, principal: string): number {
  // The storer asks without scopes; what counts there is only that other ones are stored.
  if (isAffected(readFaults(program.dir)['scope-mismatch'], request.service)) return mismatch()
  const storedAt = timeOf(files.top)
  if (storedAt !== undefined) {
    const stored = readStored(files.top)
    if (!stored) return complain('Failure parsing credential as JSON')
    // Not asked for is not the same as asked for none: neither matches what was stored with some.
    if (request.scopes !== stored.scopes || request.audience !== stored.audience) return mismatch()
  }
  const usedAt = timeOf(files.use)
  if (storedAt === undefined && usedAt === undefined) {
    print(1, 'No credential is stored.\n')
    return 1
  }
  print(
    1,
    `A credential was stored${usedAt === undefined ? ' and is waiting for processing' : ' and is valid'}.\n`,
  )
  showInfo(
    principal,
    ...(storedAt === undefined ? [] : [`Top${request.service}Time = ${seconds(storedAt)}`]),
    ...(usedAt === undefined ? [] : [`${request.service} = ${seconds(usedAt)}`]),
  )
  return 0
}

function readStored(file: string): Partial<Credential> | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

function showInfo(principal: string, ...lines: readonly string[]): void {
  print(
    1,
    `\nCredential info:\n${[...lines, `fully_qualified_user = "${userOf(principal)}"`].join('\n')}\n\n`,
  )
}

/** A credd's name for a principal: its first part, at what the realm is called there. */
function userOf(principal: string): string {
  return `${accountOf(principal)}@${principal.replace(/^.*@/, '').toLowerCase()}`
}

function seconds(at: Date): number {
  return Math.floor(at.getTime() / 1000)
}

function timeOf(file: string): Date | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtime
}

/** The real one does not look whether there was something to remove. */
function remove({ top, use }: Files, principal: string): number {
  for (const file of [top, use]) rmSync(file, { force: true })
  print(1, 'Operation succeeded.\n')
  showInfo(principal)
  return 0
}

type Credential = Readonly<Record<string, string>>

function readCredential(request: Request): Credential {
  const text = readFileSync(request.input === '-' ? 0 : (request.input as string), 'utf8')
  const { scopes, audience } = request
  return {
    ...(JSON.parse(text) as Credential),
    ...(scopes !== undefined && { scopes }),
    ...(audience !== undefined && { audience }),
  }
}

/** Concurrent storers once stored one experiment's token under another's name: here that ends at once. */
function checkBelongs(program: Program, service: string, credential: Credential, principal: string): void {
  const [, issuer, role] =
    /\/v1\/secret\/oauth\/(?:creds|sts)\/([^/]+)\/.+:([^:/?]+)$/.exec(credential.vault_url ?? '') ?? []
  if (!issuer || !role) program.fail(`the credential for ${service} has no vault_url of a bearer token`)
  const named = role === 'default' ? issuer : `${issuer}_${role}`
  if (service !== named && !service.startsWith(`${named}_`))
    program.fail(`a credential of ${named} was to be stored for ${service}`)
  // A real credd cannot tell whose vault token it is: that is why nobody noticed.
  const known = credential.vault_token && lookUp(program, credential.vault_token)
  if (!known) return
  if (known.principal !== principal)
    program.fail(`a vault token of ${known.principal} was to be stored by ${principal}`)
  if (known.issuer !== issuer || known.role !== role)
    program.fail(`a vault token of ${known.issuer}_${known.role} was to be stored for ${service}`)
}

/** In Vault's books, which only their owner may read: a daemon with a user of its own goes unchecked here. */
function lookUp({ dir }: Program, token: string): VaultToken | undefined {
  try {
    return openBooks(dir).find(token)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return undefined
    throw error
  }
}

/** A reader of the credd's directory sees the old credential or the new one. */
function keep(file: string, content: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${process.pid}.tmp`
  writeFileSync(temporary, `${content}\n`, { mode: 0o600 })
  renameSync(temporary, file)
}

/** The real one says no more than this on standard output, and nothing on standard error unless it is debugged. */
function fail(request: Request, ...why: readonly string[]): number {
  print(1, 'Operation failed.\n    Make sure your ALLOW_WRITE setting includes this host.\n')
  const lines = [
    ...why,
    'STORE_CRED: Failed to start STORE_CRED command. Unable to contact credd at <127.0.0.1:9620>',
  ]
  if (request.debug) print(2, lines.map((line) => `11/30/26 18:07:01 ${line}\n`).join(''))
  return 1
}

function refuseLogin(request: Request, why: string): number {
  return fail(
    request,
    `KERBEROS: ${why}`,
    'SECMAN: required authentication with credd at <127.0.0.1:9620> failed, so aborting command STORE_CRED.',
    'ERROR: AUTHENTICATE:1003:Failed to authenticate with any method|AUTHENTICATE:1004:Failed to authenticate using KERBEROS',
  )
}

/** Whether the ticket was made before the faults were set. */
function isFromBefore({ dir, env }: Program): boolean {
  const ccache = (env.KRB5CCNAME ?? '').replace(/^FILE:/, '')
  return statSync(ccache).ctimeMs < statSync(join(dir, 'faults.json')).mtimeMs
}

function complain(text: string): number {
  print(2, `${text}\n`)
  return 1
}

function mismatch(): number {
  print(2, 'Credential was found but it did not match requested scopes or audience\n')
  return 2
}

function hang(): Promise<never> {
  return new Promise(() => setInterval(() => {}, 60_000))
}

function readArguments(argv: readonly string[]): Request {
  const [command, ...words] = argv
  const [, action] = /^(add|query|delete)-oauth$/.exec(command ?? '') ?? []
  if (!action) usage(`ERROR: Unrecognized command - '${command ?? ''}'`)
  const values = new Map<string, string>()
  let debug = false
  for (let place = 0; place < words.length; place++) {
    const option = words[place] as string
    if (option === '-d') debug = true
    else if (!/^-[sHSAPinu]$/.test(option)) usage(`ERROR: Unrecognized option - '${option}'`)
    else
      values.set(
        option,
        words[++place] ?? usage(`ERROR: Option '${option}' requires a ${argumentOf(option)} argument`),
      )
  }
  const name = values.get('-s') ?? usage('ERROR: the oauth commands need a service (-s)')
  const service = values.has('-H') ? `${name}_${values.get('-H')}` : name
  if (action === 'add' && !values.has('-i'))
    refuse('ERROR: add-krb and add-oauth commands require a credential filename argument')
  const user = values.get('-u')
  if (user !== undefined && !/^[^@]+@[^@]+$/.test(user))
    usage(`ERROR: Username '${user}' is not of the form: account@domain`)
  return {
    action: action as Request['action'],
    service,
    input: values.get('-i'),
    scopes: values.get('-S'),
    audience: values.get('-A'),
    user,
    machine: values.get('-n'),
    debug,
  }
}

function refuse(error: string): never {
  print(2, `${error}\n`)
  throw new Exit(1)
}

function argumentOf(option: string): string {
  const names: Readonly<Record<string, string>> = {
    s: 'service',
    H: 'handle',
    S: 'scopes',
    A: 'audience',
    i: 'filename',
    n: 'name',
    u: 'username',
  }
  return names[option.slice(1)] ?? 'value'
}

function usage(error: string): never {
  return refuse(`${error}\n\nUsage: condor_store_cred action [options]\n  where action is one of:`)
}
