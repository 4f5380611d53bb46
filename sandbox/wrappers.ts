/** The commands in `dir/bin`: each starts a stand-in with nothing inherited, because daemons give commands an exact environment. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Layout } from './layout.ts'

export const standIns = [
  'htgettoken',
  'condor_vault_storer',
  'condor_store_cred',
  'condor_status',
  'condor_config_val',
  'condor_version',
] as const

/** Writes a wrapper for each stand-in and for ssh. */
export function writeWrappers(layout: Layout): void {
  mkdirSync(layout.bin)
  for (const program of standIns) write(layout, program, standInScript(layout, program))
  write(layout, 'condor_config_val', configScript(layout))
  write(layout, 'ssh', sshScript(layout))
}

const write = (layout: Layout, program: string, script: string) =>
  writeFileSync(join(layout.bin, program), script, { mode: 0o755 })

/** Half of a stand-in's time is the compiling of its modules; what was compiled serves every later sandbox. */
const compileCache = fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url))

const standInScript = (layout: Layout, program: string) => `#!/bin/sh
SANDBOX_DIR=${quote(layout.dir)}
NODE_COMPILE_CACHE=${quote(compileCache)}
export SANDBOX_DIR NODE_COMPILE_CACHE
exec ${quote(process.execPath)} ${quote(fileURLToPath(new URL(`programs/${program}.ts`, import.meta.url)))} "$@"
`

/** A storer asks seven times: what the configuration file does not say is answered without starting the stand-in. */
const configScript = (layout: Layout) => `#!/bin/sh
if [ $# = 1 ] && ! grep -qis "\\"$1\\"" ${quote(layout.condorConfig)}; then
  value=$(env | sed -n "s/^_condor_$1=//Ip")
  [ -z "$value" ] || { printf '%s\\n' "$value"; exit 0; }
  echo "Not defined: $1" >&2
  exit 1
fi
${standInScript(layout, 'condor_config_val').replace('#!/bin/sh\n', '')}`

/** The real ssh; it first waits at the hold point of the host it is called for (see `hold.ts`), and costs next to nothing without one. */
const sshScript = (layout: Layout) => `#!/bin/sh
for word in "$@"; do
  name="ssh:\${word#*@}"
  if [ -e ${quote(layout.holds)}"/$name" ]; then
    mkdir -p ${quote(layout.held)}
    : >${quote(layout.held)}"/$name.$$"
    while [ -e ${quote(layout.holds)}"/$name" ]; do sleep 0.05; done
    rm -f ${quote(layout.held)}"/$name.$$"
  fi
done
exec /usr/bin/ssh "$@"
`

/** A word that the shell takes as it is. */
const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`
