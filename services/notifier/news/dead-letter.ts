/** Keeps for the administrators what could not be handled or delivered, until they are told: many of them as one. */
import type { Outgoing } from '../../../shared/bus/publish.ts'
import {
  type DeadLetter,
  deadLetter,
  type LossLetter,
  lossLetter,
} from '../../../shared/contracts/messages.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { encodeToken } from '../../../shared/contracts/subjects.ts'
import type { z } from '../../../shared/contracts/zod.ts'
import type { Received } from '../../../shared/work/consume/handle-message.ts'
import { beforeAllRuns } from '../ledger/ledger.ts'
import type { LedgerStore } from '../ledger/ledger-store.ts'
import type { NewsKeeper } from './news-store.ts'
import { type Notice, noticeOfUndelivered } from './undelivered.ts'

export interface DeadLetterDeps {
  readonly ledger: Pick<LedgerStore, 'latestRun'>
  readonly news: NewsKeeper
}

const isLoss = (subject: string) => subject.startsWith('dead.lost.')

/** Of what comes on `dead.>`. */
export const schemaOfDead = (subject: string): z.ZodType<DeadLetter | LossLetter> =>
  isLoss(subject) ? lossLetter : deadLetter

/** Handles `dead.>`. */
export async function keepDeadLetter(
  { body, subject }: Received<DeadLetter | LossLetter>,
  { ledger, news }: DeadLetterDeps,
): Promise<readonly Outgoing[]> {
  const notice = chooseNotice(body, subject)
  if (!notice) return []
  const { id, ...said } = notice
  const run = (await ledger.latestRun()) ?? beforeAllRuns
  await news.add(id, [{ kind: 'notice', run, at: body.at, isTest: false, ...said }])
  return []
}

function chooseNotice(body: DeadLetter | LossLetter, subject: string): Notice | undefined {
  if ('madeAgain' in body) return noticeOfLoss(body)
  return subject.startsWith('dead.notify.') ? noticeOfUndelivered(body) : noticeOf(body, subject)
}

const noticeOfLoss = ({ what, meaning, madeAgain }: LossLetter): Notice => ({
  id: ['lost', what, madeAgain].map(encodeToken).join('.'),
  title: `${cleanLine(what)} was gone from the bus and is made again`,
  message: cleanLine(meaning),
  action:
    'Find out who or what removed it: the log of nats-server, and the disk of its store. Start a run where tokens are urgent: managed-tokens run',
})

/** Sequences start again in a stream that was made anew: the time tells two letters apart. */
const noticeOf = (letter: DeadLetter, subject: string): Notice => ({
  id: ['dead', encodeToken(subject), letter.sequence, encodeToken(letter.at)].join('.'),
  title: `message ${letter.sequence} on ${cleanLine(letter.subject)} could not be handled`,
  message: cleanLine(letter.reason),
  action: `Look at it within 30 days: nats stream get DEAD --last-for ${subject} --js-api-prefix managed-tokens-js`,
})
