/** The stand-in for condor_version: prints how old this HTCondor is. */
import { readFaults } from '../fault-file.ts'
import { passHoldPoint } from '../hold.ts'
import { print, runProgram } from './program.ts'

await runProgram('condor_version', async ({ dir }) => {
  await passHoldPoint(dir, 'condor_version')
  const [version, date] = readFaults(dir)['old-condor'] ? ['10.0.5', '2023-05-31'] : ['24.12.4', '2025-10-23']
  print(1, `$CondorVersion: ${version} ${date} BuildID: 1 $\n$CondorPlatform: x86_64_Debian12 $\n`)
  return 0
})
