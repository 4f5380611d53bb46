/** The stand-in for condor_vault_storer: its arguments, environment, files in /tmp, words and exit codes; it notices misuse that the real one suffers in silence. */
import { isAffected, readFaults } from '../fault-file.ts'
import { passHoldPoint } from '../hold.ts'
import { type Program, print, runProgram } from './program.ts'
import { readCondorValue } from './site-files.ts'
import { Refused, readArguments, type StoreRequest, splitWords } from './vault-storer/arguments.ts'
import { leaveForeignBearer, sufferEarlyFaults } from './vault-storer/faults.ts'
import { checkEnvironment, claimIdentity } from './vault-storer/notice-misuse.ts'
import { type Storer, storeService } from './vault-storer/store-service.ts'

await runProgram('condor_vault_storer', async (program) => {
  const { dir, env, argv } = program
  let isFirst = true
  const say = (text: string) => {
    print(2, `${isFirst ? '\n' : ''}${text}\n`)
    isFirst = false
  }
  let isVerbose = argv.some((word) => /^-[vd]/.test(word))
  try {
    program.record({
      service: argv.find((word) => !word.startsWith('-'))?.split('&')[0],
      credd: readCondorValue(dir, env, 'CREDD_HOST'),
    })
    const asked = readArguments(dir, env, argv)
    if (!asked) return showUsage(say)
    isVerbose = asked.verbosity !== ''
    if (!readCondorValue(dir, env, 'SEC_CREDENTIAL_GETTOKEN_OPTS') && !env.HTGETTOKENOPTS) {
      throw new Refused(
        'Neither SEC_CREDENTIAL_GETTOKEN_OPTS condor value nor $HTGETTOKENOPTS environment set',
      )
    }
    checkEnvironment(program)
    claimIdentity(program)
    for (const request of asked.requests) await serve({ program, verbosity: asked.verbosity, say }, request)
    return 0
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    const hint = `\n  More details might be available by running\n    condor_vault_storer -v ${argv.map((word) => `"${word}"`).join(' ')} `
    say(`condor_vault_storer: ${error.message}${isVerbose ? '' : hint}`)
    return 1
  }
})

async function serve(storer: Storer, request: StoreRequest): Promise<void> {
  const { program } = storer
  const { dir } = program
  if (await sufferEarlyFaults(program, request.service)) return
  if (isOthersService(program, request)) {
    if (storer.verbosity) storer.say(`Service ${request.service} is managed by another credmon; skipping`)
    return
  }
  await passHoldPoint(dir, `condor_vault_storer:${request.service}`)
  const bearerFile = await storeService(storer, request)
  if (isAffected(readFaults(dir)['storer-wrong-service'], request.service))
    await leaveForeignBearer(program, request.service, bearerFile)
  await passHoldPoint(dir, `condor_vault_storer-done:${request.service}`)
}

/** From 25.14 on, services of these lists are left to other credential monitors: exit 0 and nothing stored, unless the mode says `vault`. */
function isOthersService({ dir, env }: Program, { service, issuer }: StoreRequest): boolean {
  if (env.CONDOR_CREDENTIAL_STORER_MODE === 'vault') return false
  const lists = [
    'LOCAL_CREDMON_PROVIDER_NAMES',
    'LOCAL_CREDMON_PROVIDER_NAME',
    'OAUTH2_CREDMON_PROVIDER_NAMES',
    'CLIENT_CREDMON_PROVIDER_NAMES',
  ]
  const names = lists.flatMap((list) => splitWords(readCondorValue(dir, env, list)?.replaceAll(',', ' ')))
  return names.includes(service) || names.includes(issuer)
}

function showUsage(say: (text: string) => void): number {
  say(
    [
      'Usage: condor_vault_storer [-vd] oauth_service ...',
      '  -v shows more progress than normal',
      '  -d shows a lot of debug information',
      '  Each oauth_service is an issuer optionally followed by underscore and role',
    ].join('\n'),
  )
  return 1
}
