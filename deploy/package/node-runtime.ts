/** Node as the bootstrap pins it, byte for byte as its makers released it. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { GiveUp } from './give-up.ts'
import { placeFile } from './place.ts'

/** Copies the program and its licence; fetches them where this clone runs in another Node. */
export function placeNode(root: string, program: string, licence: string): string {
  const from = join(root, '.node/node_modules', `node-linux-${process.arch}`)
  if (!isPinned(root) || !existsSync(from)) install(root)
  placeFile(join(from, 'bin/node'), program)
  placeFile(join(from, 'LICENSE'), licence)
  return from
}

function isPinned(root: string): boolean {
  const script = 'cmp -s "$1/bootstrap/node-runtime/package.json" "$1/.node/pin.json" && echo yes || true'
  return execFileSync('sh', ['-c', script, 'sh', root], { encoding: 'utf8' }) !== ''
}

function install(root: string): void {
  const script = `root=$1
. "$root/bootstrap/report.sh"
. "$root/bootstrap/node.sh"
mkdir -p "$work"
exec 9>"$work/lock"
flock 9
install_node`
  try {
    execFileSync('sh', ['-euc', script, 'install-node', root], { stdio: ['ignore', 'ignore', 'inherit'] })
  } catch {
    throw new GiveUp('A package holds the Node that bootstrap/node-runtime names, which could not be had.')
  }
}
