/** The stand-in for condor_vault_storer: its arguments, environment, files in /tmp, words and exit codes; it notices misuse that the real one suffers in silence. */
import { isAffected, readFaults } from '../fault-file.ts'
import { passHoldPoint } from '../hold.ts'
import { print, runProgram } from './program.ts'
import { claimStoring } from './side-by-side.ts'
import { readCondorValue } from './site-files.ts'
import { Refused, readArguments, type StoreRequest, splitWords, WrongUse } from './vault-storer/arguments.ts'
import { readConfiguration } from './vault-storer/configuration.ts'
import { leaveForeignBearer, sufferEarlyFaults } from './vault-storer/faults.ts'
import { checkEnvironment } from './vault-storer/notice-misuse.ts'
import { type Storer, storeService } from './vault-storer/store-service.ts'

await runProgram('condor_vault_storer', async (program) => {
  const { dir, env, argv } = program
  let isFirst = true
  const say = (text: string, blankTo: 1 | 2 = 2) => {
    if (isFirst) print(blankTo, '\n')
    isFirst = false
    print(2, `${text}\n`)
  }
  let isVerbose = argv.some((word) => /^-[vd]/.test(word))
  try {
    program.record({
      service: argv.find((word) => !word.startsWith('-'))?.split('&')[0],
      credd: readCondorValue(dir, env, 'CREDD_HOST'),
    })
    const configured = await readConfiguration(program)
    const asked = readArguments(configured.storerOptions, argv)
    isVerbose = asked.verbosity !== ''
    if (configured.getTokenOptions === '' && !env.HTGETTOKENOPTS) {
      throw new Refused(
        'Neither SEC_CREDENTIAL_GETTOKEN_OPTS condor value nor $HTGETTOKENOPTS environment set',
      )
    }
    checkEnvironment(program)
    for (const request of asked.requests)
      await serve({ program, configured, verbosity: asked.verbosity, say }, request)
    return 0
  } catch (error) {
    if (error instanceof WrongUse) return showUsage(say, error)
    if (!(error instanceof Refused)) throw error
    const hint = `\n  More details might be available by running\n    condor_vault_storer -v ${argv.map((word) => `"${word}"`).join(' ')} `
    say(`condor_vault_storer: ${error.message}${isVerbose ? '' : hint}`)
    return 1
  }
})

async function serve(storer: Storer, request: StoreRequest): Promise<void> {
  const { program } = storer
  const { dir } = program
  claimStoring(program, request.service)
  if (await sufferEarlyFaults(program, request.service)) return
  if (isOthersService(storer, request)) {
    if (storer.verbosity) storer.say(`Service ${request.service} is managed by another credmon; skipping`)
    return
  }
  await passHoldPoint(dir, `condor_vault_storer:${request.service}`)
  const bearerFile = await storeService(storer, request)
  if (isAffected(readFaults(dir)['storer-wrong-service'], request.service))
    await leaveForeignBearer(program, request.service, bearerFile)
  await passHoldPoint(dir, `condor_vault_storer-done:${request.service}`)
}

/**
 * From 25.14 on, services of these lists are left to other credential monitors: exit 0 and nothing stored, unless the mode
 * says `vault`. The local one's lists name issuers too, the others' only services.
 */
function isOthersService({ program, configured }: Storer, { service, issuer }: StoreRequest): boolean {
  if (program.env.CONDOR_CREDENTIAL_STORER_MODE === 'vault') return false
  const listed = (list: string) => splitWords(list.replaceAll(',', ' '))
  const local = listed(configured.localProviders)
  const others = [...listed(configured.oauth2Providers), ...listed(configured.clientProviders)]
  return local.includes(service) || local.includes(issuer) || others.includes(service)
}

function showUsage(say: (text: string) => void, { illegal }: WrongUse): number {
  if (illegal) print(2, `condor_vault_storer: illegal option -- ${illegal}\n`)
  say(
    [
      'Usage: condor_vault_storer [-vd] oauth_service ...',
      '  -v shows more progress than normal',
      '  -d shows a lot of debug information',
      '  Each oauth_service is an issuer optionally followed by underscore and role',
      '  Options may be added to each oauth_service:',
      '    &handle=<name>       A name to be added to the credential',
      '    &scope=<scopes>      A comma-separated list of scopes to request',
      '    &audience=<audience> A token audience to request',
      '    &options=<args>      Extra arguments to htgettoken',
    ].join('\n'),
  )
  return 1
}
