/** The stand-in for condor_store_cred: `add-oauth`, `query-oauth` and `delete-oauth` against a credd that is a directory of the sandbox. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isAffected, readFaults } from '../fault-file.ts'
import { passHoldPoint } from '../hold.ts'
import { Exit, type Program, print, runProgram } from './program.ts'
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
  print(
    1,
    `Account: ${request.user ?? (principal ? accountOf(principal) : '<current>')} (user)\nCredType: oauth\n\n`,
  )
  const faults = readFaults(dir)
  if (isAffected(faults['credd-hangs'], credd)) await hang()
  if (isAffected(faults['credd-down'], credd) || !principal || !existsSync(join(dir, 'credds', credd)))
    return refuseConnection(request, credd)
  if (isAffected(faults['credd-refuses'], credd))
    return complain('Operation failed because it is not allowed')

  // Storing for somebody else is for CRED_SUPER_USERS, and the sandbox has none.
  if (request.user !== undefined && accountOf(request.user) !== accountOf(principal))
    return complain('Operation failed because it is not allowed')

  const file = join(dir, 'credds', credd, accountOf(principal), `${request.service}.top`)
  if (request.action === 'query') return query(program, request, file)
  if (request.action === 'delete') return remove(file)
  const credential = readCredential(request)
  checkBelongs(program, request.service, credential)
  if (isAffected(faults['untrusted-vault-host'], credd))
    return complain('Credential requires interacting with an untrusted host')
  if (!isAffected(faults['credd-forgets'], credd)) keep(file, credential)
  print(1, 'Operation succeeded.\n')
  return 0
}

function query(program: Program, request: Request, file: string): number {
  // The storer asks without scopes; what counts there is only that other ones are stored.
  if (isAffected(readFaults(program.dir)['scope-mismatch'], request.service)) return mismatch()
  if (!existsSync(file)) {
    print(1, 'No credential is stored.\n')
    return 1
  }
  const stored = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string | undefined>
  if (
    (request.scopes ?? stored.scopes) !== stored.scopes ||
    (request.audience ?? stored.audience) !== stored.audience
  )
    return mismatch()
  const at = statSync(file).mtime
  print(1, `A credential was stored on ${at.toISOString().slice(0, 19).replace('T', ' ')} and is valid.\n`)
  print(
    1,
    `\nCredential info:\nServiceName = "${request.service}"\nTop${request.service}Time = ${Math.floor(at.getTime() / 1000)}\n\n`,
  )
  return 0
}

function remove(file: string): number {
  if (!existsSync(file)) {
    print(1, 'Operation failed: username not found.\n')
    return 1
  }
  rmSync(file)
  print(1, 'Operation succeeded.\n')
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
function checkBelongs(program: Program, service: string, credential: Credential): void {
  const [, issuer, role] =
    /\/v1\/secret\/oauth\/(?:creds|sts)\/([^/]+)\/.+:([^:/?]+)$/.exec(credential.vault_url ?? '') ?? []
  if (!issuer || !role) program.fail(`the credential for ${service} has no vault_url of a bearer token`)
  const named = role === 'default' ? issuer : `${issuer}_${role}`
  if (service !== named && !service.startsWith(`${named}_`))
    program.fail(`a credential of ${named} was to be stored for ${service}`)
}

/** A reader of the credd's directory sees the old credential or the new one. */
function keep(file: string, credential: Credential): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${process.pid}.tmp`
  writeFileSync(temporary, `${JSON.stringify(credential)}\n`, { mode: 0o600 })
  renameSync(temporary, file)
}

/** The real one says no more than this on standard output, and nothing on standard error unless it is debugged. */
function refuseConnection(request: Request, credd: string): number {
  print(1, 'Operation failed.\n    Make sure your ALLOW_WRITE setting includes this host.\n')
  if (request.debug)
    print(2, `STORE_CRED: Failed to start command.\nSECMAN:2003:TCP connection to credd ${credd} failed.\n`)
  return 1
}

function complain(text: string): number {
  print(2, `${text}\n`)
  return 1
}

function mismatch(): number {
  print(2, 'Credentials exist that do not match the request\n')
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
    else values.set(option, words[++place] ?? usage(`ERROR: Option '${option}' requires an argument`))
  }
  const name = values.get('-s') ?? usage('ERROR: the oauth commands need a service (-s)')
  const service = values.has('-H') ? `${name}_${values.get('-H')}` : name
  if (!/^[\w+=.-]+$/.test(service)) usage(`ERROR: '${service}' is no service name`)
  if (action === 'add' && !values.has('-i'))
    usage('ERROR: add-oauth commands require a credential filename argument')
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

function usage(error: string): never {
  print(2, `${error}\n\nUsage: condor_store_cred action [options]\n`)
  throw new Exit(1)
}
