/** The test messages of `notify test`, one for each addressee, and what to do where one was not taken. Pure. */
import { ulid } from 'ulid'
import {
  type ChannelTo,
  channelsToAdmins,
  experimentHook,
  mailsTo,
} from '../services/notifier/channels/channels-of.ts'
import type { Delivery } from '../services/notifier/channels/delivery.ts'
import { nearest } from '../shared/config/read/problem.ts'
import type { Site } from '../shared/config/site.ts'
import { envelope } from '../shared/contracts/envelope.ts'
import type { NewsRow, Notification } from '../shared/contracts/messages.ts'
import { UsageError } from './terminal/errors.ts'

export interface TestMessage {
  readonly body: Notification
  /** The key of the configuration that names the addressee. */
  readonly key: string
}

/** Throws UsageError where there is no such experiment. */
export function testMessages(
  site: Site,
  { experiment, now }: { readonly experiment: string | undefined; readonly now: string },
): TestMessage[] {
  const channels =
    experiment === undefined
      ? [...channelsToAdmins(site, 'admin'), ...channelsToAdmins(site, 'admin_test')]
      : channelsToStakeholders(site, experiment)
  const run = ulid()
  return channels.map(({ channel, to, key }) => ({
    key,
    body: {
      ...envelope(now),
      ...{ run, channel, to, id: `test.${run}.${channel}.${to}` },
      subject: '[test] managed-tokens can reach you',
      text: `${sentences.join(' ')}\n\nSent by managed-tokens notify test, installation ${site.devEnvironmentLabel}, at ${now}, to ${key}.\n`,
      rows: [row],
    },
  }))
}

const sentences = [
  'This is a test: somebody is trying whether messages about grid tokens arrive here.',
  'Nothing is wrong, and there is nothing to do.',
] as const
const row: NewsRow = { kind: 'test', headline: sentences[0], message: sentences[1], action: '' }

function channelsToStakeholders({ entries, experimentSlack, file }: Site, typed: string): ChannelTo[] {
  const experiment = typed.toLowerCase()
  const entry = entries.find((one) => one.experiment === experiment)
  if (!entry) {
    const names = [...new Set(entries.map((one) => one.experiment))]
    const near = nearest(experiment, names)
    throw new UsageError(
      `no experiment ${JSON.stringify(typed)} in ${file}; ${near ? `did you mean ${near}?` : `configured are: ${names.join(', ')}`}`,
    )
  }
  const key = `experiments.${experiment}`
  return [
    ...mailsTo(entry.emails, `${key}.emails`),
    ...(Object.hasOwn(experimentSlack, experiment)
      ? [{ channel: 'slack', to: experimentHook(experiment), key: `${key}.slack` } as const]
      : []),
  ]
}

/** One sentence. The reasons of the mail server hold their own where there is one. */
export function adviceOn(channel: Notification['channel'], key: string, { end }: Delivery): string {
  if (channel === 'email')
    return end === 'refused' ? `Check ${key} and email.from.` : 'Check the section email.'
  return end === 'refused'
    ? `Make a new webhook there and put its URL into ${key}.`
    : `Try again later; check ${key} if it stays.`
}
