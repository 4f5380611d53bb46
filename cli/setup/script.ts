/** The shell that steps are done by: what setup runs is what `setup --print` shows. */
import { join } from 'node:path'
import { quote } from './step.ts'

/**
 * The words of all scripts. A file appears whole or not at all, for nobody else's eyes before its mode is set; in a directory of
 * somebody else's it is written as that user, whom nothing else is then done for.
 */
const prelude = (root: string) => `set -eu
umask 077
managed_tokens() { ${quote(process.execPath)} ${quote(join(root, 'cli/main.ts'))} "$@"; }
# put OWNER GROUP MODE FILE COMMAND...: what the command prints
put() (
  owner=$1 group=$2 mode=$3 file=$4; shift 4
  rm -f "$file.new"; set -C; "$@" >"$file.new"
  chown -h "$owner:$group" "$file.new"; chmod "$mode" "$file.new"
  sync "$file.new"; mv -fT "$file.new" "$file"
)
# put_as USER FILE COMMAND...: the same, for that user alone
put_as() {
  user=$1 file=$2; shift 2
  "$@" | runuser -u "$user" -- sh -euc 'cat >"$0.new"; test -s "$0.new"; mv -fT "$0.new" "$0"' "$file"
}
`

export const scriptOf = (root: string, commands: readonly string[]) =>
  `${prelude(root)}${commands.map((one) => `${one}\n`).join('')}`
