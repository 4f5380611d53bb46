/** The stand-in for condor_config_val: `condor_config_val NAME` prints one value, `Not defined: NAME` and exit 1 when there is none. */
import { print, runProgram } from './program.ts'
import { readCondorValue } from './site-files.ts'

await runProgram('condor_config_val', ({ dir, argv, env }) => {
  const name = argv.findLast((word) => !word.startsWith('-'))
  if (!name) {
    print(2, 'Usage: condor_config_val [options] variable\n')
    return 1
  }
  const value = readCondorValue(dir, env, name)
  if (value === undefined) {
    print(2, `Not defined: ${name}\n`)
    return 1
  }
  print(1, `${value}\n`)
  return 0
})
