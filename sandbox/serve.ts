/** `node sandbox/serve.ts --dir DIR [--fault NAME[=VALUE]]…`: a sandbox site that stays up until SIGINT or SIGTERM. */
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { defaultEntries } from './default-entries.ts'
import { refuseUnknownNames } from './fault-names.ts'
import { joinFaults, parseFault } from './faults.ts'
import { startSite } from './site.ts'

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: '.sandbox' },
    fault: { type: 'string', multiple: true, default: [] },
  },
})

try {
  const faults = joinFaults(...values.fault.map(parseFault))
  refuseUnknownNames(faults, defaultEntries)
  await using site = await startSite({ dir: values.dir, faults })
  // Before anybody reads that it is up, and stops it.
  const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  process.stdout.write(`The sandbox is up in ${site.dir}

  configuration  ${site.config}
  environment    export KRB5_CONFIG=${site.env.KRB5_CONFIG} MANAGED_TOKENS_STATE=${site.env.MANAGED_TOKENS_STATE}
  keytabs        ${site.layout.keytabs}
  nodes          ssh -F ${site.layout.sshConfig} -l ACCOUNT NODE, with NODE one of
                 ${site.nodes.map(({ name }) => name).join(' ')}

It runs until you press Ctrl-C.
`)
  await stopped
} catch (error) {
  process.stderr.write(`sandbox: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
