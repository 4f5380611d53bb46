/** Small builders of what goes over the bus, with everything a schema wants and nothing a test has to read. */
import { randomUUID } from 'node:crypto'
import { ulid } from 'ulid'
import type { Fact, Work } from '../../shared/bus/publish.ts'
import type { Entry } from '../../shared/config/site.ts'
import { type RefreshItem, schemaVersion, timestamp } from '../../shared/contracts/messages.ts'
import { refreshSubject, streams, tokenSubject } from '../../shared/contracts/subjects.ts'

/** Runs in the order in which they are made here: the clock of each is a second after the last one's. */
export function makeRuns(count: number): string[] {
  const start = Date.UTC(2026, 0, 1)
  return Array.from({ length: count }, (_, index) => ulid(start + index * 1_000))
}

export function refreshItem(run: string, experiment = 'dune', role = 'production'): RefreshItem {
  const name = `${experiment}_${role}`
  return {
    ...{ schema: schemaVersion, run, at: timestamp(), entry: name, service: name, experiment, role },
    mode: { push: true, notify: true },
    deadline: timestamp(new Date(Date.now() + 60_000)),
  }
}

export function refreshWork(run: string, experiment?: string, role?: string): Work & { body: RefreshItem } {
  const body = refreshItem(run, experiment, role)
  return { kind: 'work', stream: streams.refresh, subject: refreshSubject(body), body }
}

/** Some fact about the item's entry; its id is random unless given. */
export function factOf(item: { experiment: string; role: string }, body: object = {}, id?: string): Fact {
  return { kind: 'fact', subject: tokenSubject('ready', item), id: id ?? randomUUID(), body }
}

export function makeEntry(fields: Partial<Entry> = {}): Entry {
  return {
    name: 'dune_production',
    experiment: 'dune',
    realExperiment: 'dune',
    role: 'production',
    service: 'dune_production',
    account: 'dunepro',
    principal: 'dunepro/managedtokens/sandbox.test@SANDBOX.TEST',
    keytab: '/nowhere/dunepro.keytab',
    nodes: [],
    deliver: { vault: true, bearers: [] },
    collectors: [],
    vaultTokenRoot: '/nowhere',
    tokenGetter: 'storeAndGetToken',
    storerMethod: 'script',
    minTokenLifetime: '3d',
    credkey: 'dunepro',
    roleFileTemplate: '/tmp/role',
    transport: 'ssh',
    tokenDirectoryTemplate: '/tmp',
    sshOptions: [],
    fileCopierOptions: [],
    disableNotifications: false,
    emails: [],
    ...fields,
  }
}
