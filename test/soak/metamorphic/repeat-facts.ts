/** What a bus may do to facts, and somebody who has a key to it: they come again, late, or are nothing that can be read. */
import type { Bus } from '../../../shared/bus/connect.ts'
import type { World } from './world.ts'

/** `token.ready` of an entry, as it was said before: its newest or its oldest one, under no id that the stream knows. */
export async function repeatFacts(
  { pipe, almighty }: World,
  which: 'new' | 'old',
  dice: number,
): Promise<void> {
  const ready = pipe.facts.all.filter(({ subject }) => subject.startsWith('token.ready.'))
  const last = ready[Math.floor(dice * ready.length)]
  if (!last) return
  const same = ready.filter(({ subject }) => subject === last.subject)
  const fact = which === 'new' ? same.at(-1) : same[0]
  // A bus that is away is nothing to wait for: nobody hears it then.
  await almighty.js
    .publish(last.subject, JSON.stringify(fact?.body), { timeout: 2_000 })
    .catch(() => undefined)
}

const garbage = ['', 'null', '[{}]', '{"__proto__":{"run":1}}', '"a text"', '{"schema":"99.0.0"}', '\0\u00ff']
const subjects = [
  'refresh.dune.production',
  'store.dune.production.credd1_sandbox_test',
  'push.mu2e.production.sharedgpvm01_sandbox_test',
  'token.ready.dune.production',
  'token.failed.nova.analysis',
  'run.started',
]

export async function publishGarbage({ js }: Bus, dice: number): Promise<void> {
  const at = Math.floor(dice * subjects.length)
  for (const [index, text] of garbage.entries())
    if ((index + at) % 2 === 0)
      await js.publish(subjects[at] ?? '', text, { timeout: 2_000 }).catch(() => undefined)
}
