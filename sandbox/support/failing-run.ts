/** A run in which every node fails, as the facts that refresher and distributor tell. */
import type { Bus } from '../../shared/bus/connect.ts'
import { publish } from '../../shared/bus/publish.ts'
import { failure } from '../../shared/contracts/errors.ts'
import {
  type RunStarted,
  schemaVersion,
  type TokenFailed,
  type TokenReady,
  timestamp,
} from '../../shared/contracts/messages.ts'
import { runSubject, tokenSubject } from '../../shared/contracts/subjects.ts'

export interface FailingRun {
  readonly run: string
  /** Its nodes, by experiment; each has one role, `production`. */
  readonly experiments: Readonly<Record<string, { readonly nodes: readonly string[] }>>
  readonly deadlineMs: number
}

/** Publishes it as the refresher, who may; returns when the last fact lies there. */
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
    await tellReady(refresher, experiment, started)
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

function tellReady(bus: Bus, experiment: string, { run, at, deadline, mode }: RunStarted): Promise<void> {
  const body: TokenReady = {
    ...{ schema: schemaVersion, run, at, deadline, mode, ...nameOf(experiment), uid: 1, reused: false },
    ...{ tokenId: run, expiry: deadline, key: experiment, revision: 1, credds: [] },
  }
  const subject = tokenSubject('ready', { experiment, role: 'production' })
  return publish(bus, { kind: 'fact', subject, id: `${run}.${body.entry}.ready`, body })
}

function tellFailure(bus: Bus, experiment: string, body: TokenFailed): Promise<void> {
  const subject = tokenSubject('failed', { experiment, role: 'production' })
  return publish(bus, { kind: 'fact', subject, id: `${body.run}.${body.entry}.${body.target}.failed`, body })
}
