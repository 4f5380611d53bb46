/** The stand-in for htgettoken: its options, files, words and exit codes, against the sandbox's Vault over real HTTPS and Kerberos. */
import { passHoldPoint } from '../hold.ts'
import { getToken } from './htgettoken/get-token.ts'
import { Fatal, isDeviceFile, readOptions, WrongUse } from './htgettoken/options.ts'
import { type Program, print, runProgram } from './program.ts'
import { claimStoring, storesDirectly } from './side-by-side.ts'
import { leaveForeignBearer, sufferEarlyFaults } from './vault-storer/faults.ts'

await runProgram('htgettoken', async (program) => {
  const { dir, argv, env, caller } = program
  try {
    const options = readOptions(argv, env)
    const service = options.role === 'default' ? options.issuer : `${options.issuer}_${options.role}`
    const isDirect = storesDirectly(program) && isDeviceFile(options.vaultTokenFile)
    program.record({ service, ...(isDirect && { credd: env._condor_CREDD_HOST }) })
    if (isDirect) claimStoring(program, service)
    // What goes wrong with a storer goes wrong here where the daemon does without it.
    if (isDirect) await sufferEarlyFaults(program, service)
    // A storer's own call is not held here: `condor_vault_storer:<service>` holds that one.
    await passHoldPoint(dir, `${caller || isDirect ? 'htgettoken-of-storer' : 'htgettoken'}:${service}`)
    await getToken(options, env)
    if (isDirect) await leaveForeignBearer(program, service, options.outFile)
    return 0
  } catch (error) {
    return explain(program, error)
  }
})

function explain({ argv, env }: Program, error: unknown): number {
  if (error instanceof WrongUse) {
    print(2, `htgettoken: ${error.message}\n\nUsage: htgettoken [-h] [otheroptions]\n`)
    return 2
  }
  if (!(error instanceof Fatal)) throw error
  const isQuiet = [...argv, ...(env.HTGETTOKENOPTS ?? '').split(' ')].some((word) =>
    /^(-[vd]*q\w*|--quiet)$/.test(word),
  )
  if (!isQuiet) print(2, `htgettoken: ${error.message}\n`)
  return 1
}
