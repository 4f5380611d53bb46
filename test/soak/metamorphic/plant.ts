/** Somebody of a node takes the place of a token file, after whatever clears up /tmp has removed it. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { serviceName } from '../../../sandbox/entry.ts'
import { nodeTmp } from '../../../sandbox/layout.ts'
import { entries } from './kinds.ts'
import type { FaultStep } from './schedule.ts'
import type { World } from './world.ts'

/** Of nobody in the site. */
const attacker = 61_234

/** Every place of a token on a node: its path on the machine, by the node and the name. */
export const tokenPlaces = entries.flatMap((entry) =>
  entry.nodes.flatMap((node) =>
    [`vt_u${entry.uid}`, `vt_u${entry.uid}-${serviceName(entry)}`].map((name) => ({ node, name, entry })),
  ),
)

export const placeOfPlanted = ({ dice }: Pick<FaultStep, 'dice'>) =>
  tokenPlaces[Math.floor(dice * tokenPlaces.length)] as (typeof tokenPlaces)[number]

/** Outside the node's /tmp, where nothing secret may come. */
export function plant({ pipe: { site }, dir }: World, step: FaultStep): () => void {
  const { node, name } = placeOfPlanted(step)
  const path = join(nodeTmp(site.layout, node), name)
  const bait = join(dir, `bait-${step.at}`)
  writeFileSync(bait, 'a bait\n', { mode: 0o666 })
  rmSync(path, { recursive: true, force: true })
  makers[step.on]?.(path, bait)
  return () => {
    // What a push has put there since is not theirs.
    if (lstatSync(path, { throwIfNoEntry: false })?.uid === attacker)
      rmSync(path, { recursive: true, force: true })
    rmSync(`${path}.second`, { force: true })
  }
}

const makers: Readonly<Record<string, (path: string, bait: string) => void>> = {
  link(path, bait) {
    symlinkSync(bait, path)
    lchownSync(path, attacker, attacker)
  },
  directory(path) {
    mkdirSync(path)
    own(path, 0o777)
  },
  pipe(path) {
    execFileSync('mkfifo', [path])
    own(path, 0o666)
  },
  'open file'(path) {
    writeFileSync(path, 'theirs\n')
    own(path, 0o777)
  },
  'second name'(path) {
    writeFileSync(`${path}.second`, 'theirs\n')
    own(`${path}.second`, 0o666)
    linkSync(`${path}.second`, path)
  },
}

function own(path: string, mode: number): void {
  chownSync(path, attacker, attacker)
  chmodSync(path, mode)
}
