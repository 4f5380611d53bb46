/** Which changes of the configuration a running daemon cannot follow: what they decide is opened once, at its start. */
import { isDeepStrictEqual } from 'node:util'
import type { Site } from './site.ts'

/** Keys of the file → what they set. Everything else is read anew at every run. */
const readAtStart: Readonly<Record<string, (site: Site) => unknown>> = {
  nats: ({ nats }) => nats,
  sealing: ({ sealing }) => sealing,
  telemetry: ({ telemetry }) => telemetry,
  'tracing.url': ({ tracingUrl }) => tracingUrl,
  loki: ({ loki }) => loki,
  prometheus: ({ prometheus }) => prometheus,
  'logs.token-push.logfile': ({ logDirectory }) => logDirectory,
  'refresher.concurrency': ({ refresher }) => refresher.concurrency,
  'distributor.concurrency': ({ distributor }) => distributor.concurrency,
  'storer.lockFile': ({ storer }) => storer.lockFile,
  'notifier.statusPage': ({ notifier: { statusPage } }) =>
    statusPage && [statusPage.host, statusPage.port, statusPage.basePath],
}

/** The keys that differ and count only after a restart. Pure. */
export const needsRestart = (before: Site, after: Site): string[] =>
  Object.entries(readAtStart)
    .filter(([, read]) => !isDeepStrictEqual(read(before), read(after)))
    .map(([key]) => key)
