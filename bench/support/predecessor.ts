/** Pushes in the predecessor's way: three rsync for each pair, each over a connection of its own, all at once, after a ping each. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { entryName, principalOf } from '../../sandbox/entry.ts'
import type { SandboxSite } from '../../sandbox/site.ts'
import { type Pair, roleFile, tokenFiles } from '../../sandbox/support/pairs.ts'

/** Returns when the last command has ended, whatever became of it: there are no retries. */
export async function pushLikePredecessor(site: SandboxSite, pairs: readonly Pair[]): Promise<void> {
  const directory = join(site.dir, 'predecessor')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const script = fileURLToPath(new URL('predecessor.sh', import.meta.url))
  const driver = spawn('setpriv', ['--pdeathsig', 'KILL', 'sh', script, directory, site.layout.sshConfig], {
    env: { PATH: process.env.PATH, ...site.env },
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  driver.stdin.end(planOf(site, pairs, directory).join('\n'))
  await once(driver, 'close')
  rmSync(directory, { recursive: true })
}

/** The lines that `predecessor.sh` reads. The sources of its copies are written here. */
function planOf({ layout, nodes }: SandboxSite, pairs: readonly Pair[], directory: string): string[] {
  const accounts = [...new Set(pairs.map(({ entry }) => entry.account))]
  const addressOf = new Map(nodes.map(({ name, address }) => [name, address]))
  return [
    ...accounts.map(
      (name) => `ticket ${name} ${principalOf(name)} ${join(layout.keytabs, `${name}.keytab`)}`,
    ),
    'wait',
    ...pairs.map(({ node }) => `ping ${addressOf.get(node)}`),
    'wait',
    ...pairs.flatMap((pair) => copiesOf(pair, directory)),
    '',
  ]
}

function copiesOf({ entry, node, token }: Pair, directory: string): string[] {
  const tokenSource = join(directory, `${entryName(entry)}.token`)
  const roleSource = join(directory, `${entryName(entry)}.role`)
  writeFileSync(tokenSource, `${token}\n`, { mode: 0o600 })
  writeFileSync(roleSource, `${entry.role}\n`)
  // rsync leaves a file alone that has the size and the time of its source, to the second: here both may be of this one.
  for (const source of [tokenSource, roleSource]) utimesSync(source, 0, 0)
  const copy = (source: string, destination: string) =>
    `copy ${entry.account} ${node} ${source} ${destination}`
  return [...tokenFiles(entry).map((file) => copy(tokenSource, file)), copy(roleSource, roleFile(entry))]
}
