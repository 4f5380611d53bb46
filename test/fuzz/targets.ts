/** Everything that reads what comes from outside. */
import type { FuzzTarget } from './target.ts'
import { ferry, http, issuerAnswers, proxy, smtp } from './targets/answers.ts'
import { deadLetters, facts, values } from './targets/bus.ts'
import { configuration } from './targets/config.ts'
import { bearer, ccache, keys } from './targets/files.ts'
import { place, remove, rsync, ssh } from './targets/nodes.ts'
import { page } from './targets/page.ts'
import { sentences } from './targets/people.ts'
import { collector, condorConfig, htgettoken, kinit, storeCred, storer } from './targets/programs.ts'
import { requests } from './targets/requests.ts'

export const targets: readonly FuzzTarget[] = [
  ...[htgettoken, storer, storeCred, collector, condorConfig, kinit],
  ...[place, remove, ssh, rsync],
  ...[ccache, bearer, keys],
  ...[facts, deadLetters, values, requests],
  ...[http, proxy, issuerAnswers, ferry, smtp],
  page,
  configuration,
  sentences,
]
