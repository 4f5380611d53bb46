/** A run in which every push fails, as the facts that refresher and distributor would tell. */
import type { Bus } from '../../shared/bus.ts'
import { failure } from '../../shared/errors.ts'
import { type RunStarted, schemaVersion, type TokenFailed, timestamp } from '../../shared/messages.ts'
import { publish } from '../../shared/publish.ts'
import { runSubject, tokenSubject } from '../../shared/subjects.ts'

export interface FailingRun {
  readonly run: string
  /** Its nodes, by experiment; each has one role, `production`. */
  readonly experiments: Readonly<Record<string, { readonly nodes: readonly string[] }>>
  readonly deadlineMs: number
}

/** Publishes it as the refresher, whose stream it is; returns when the last fact lies there. */
export async function tellFailingRun(refresher: Bus, run: FailingRun): Promise<void> {
  const entries = Object.entries(run.experiments)
  const ofRun = { schema: schemaVersion, run: run.run, at: timestamp() } as const
  const started: RunStarted = {
    ...ofRun,
    deadline: timestamp(new Date(Date.now() + run.deadlineMs)),
    ...{ configHash: '', trigger: 'request', mode: { push: true, notify: true } },
    entries: entries.map(([experiment, { nodes }]) => ({ ...nameOf(experiment), nodes: [...nodes] })),
  }
  await publish(refresher, {
    ...{ kind: 'fact', subject: runSubject('started'), id: `${run.run}.started`, body: started },
  })
  for (const [experiment, { nodes }] of entries) {
    await tellFailure(refresher, experiment, {
      ...{ ...ofRun, ...nameOf(experiment), stage: 'refresh', permanent: true, credds: [] },
      ...failure('vault-unreachable', 'Vault did not answer.'),
    })
    for (const node of nodes)
      await tellFailure(refresher, experiment, {
        ...{ ...ofRun, ...nameOf(experiment), stage: 'push', target: node, permanent: true },
        ...failure('node-unreachable', `${node} cannot be reached: no route to host.`),
      })
  }
}

const nameOf = (experiment: string) => {
  const entry = `${experiment}_production`
  return { entry, service: entry, experiment, role: 'production' }
}

function tellFailure(bus: Bus, experiment: string, body: TokenFailed): Promise<void> {
  const subject = tokenSubject('failed', { experiment, role: 'production' })
  return publish(bus, { kind: 'fact', subject, id: `${body.run}.${body.entry}.${body.target}.failed`, body })
}
