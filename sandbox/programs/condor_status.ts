/** The stand-in for condor_status: `-schedd [-pool HOST] [-constraint C] -af Name` prints the schedds that the pool's collector knows. */
import { isAffected, readFaults } from '../fault-file.ts'
import { type Program, print, runProgram } from './program.ts'
import { findSchedds, readCondorValue } from './site-files.ts'

await runProgram('condor_status', (program) => {
  const { dir, env } = program
  const asked = readArguments(program)
  program.record({})
  if (!asked.schedd || asked.attribute !== 'Name') {
    print(2, 'condor_status: the sandbox knows only -schedd -af Name\n')
    return 1
  }
  const collector = asked.pool ?? readCondorValue(dir, env, 'COLLECTOR_HOST')
  if (!collector) return program.fail('neither -pool nor _condor_COLLECTOR_HOST says which collector to ask')
  const host = collector.replace(/:\d+$/, '')
  const schedds = isAffected(readFaults(dir)['collector-down'], host)
    ? undefined
    : findSchedds(dir, host, asked.constraint)
  if (!schedds) {
    print(2, `Error: communication error\nCEDAR:6001:Failed to connect to <${collector}>\n`)
    return 1
  }
  print(1, schedds.map((name) => `${name}\n`).join(''))
  return 0
})

function readArguments({ argv }: Program) {
  const after = (...options: string[]) => {
    const place = argv.findIndex((word) => options.includes(word))
    return place < 0 ? undefined : argv[place + 1]
  }
  return {
    schedd: argv.includes('-schedd'),
    pool: after('-pool'),
    constraint: after('-constraint', '-const'),
    attribute: after('-af', '-autoformat'),
  }
}
