/** What changes because of how cron starts the predecessor. Pure. */
import { flagsThatWent } from '../../arguments/predecessor-flags.ts'
import { type Change, change } from './change.ts'
import type { Cron, CronJob } from './cron.ts'
import type { Predecessor } from './find.ts'

/** When our schedule fires, which is the predecessor's package's. */
const usual = { 'token-push': '58 * * * *', 'refresh-uids-from-ferry': '0 6 * * *' } as const
const keyOf = { 'token-push': 'schedule.cron', 'refresh-uids-from-ferry': 'schedule.uids' } as const
const variablesFile = '/etc/default/managed-tokens'
/** cron's own. */
const ofCron = ['SHELL', 'PATH', 'MAILTO', 'MAILFROM', 'HOME', 'LOGNAME', 'USER', 'CRON_TZ', 'RANDOM_DELAY']

export function changesOfCron(found: Predecessor): Change[] {
  const { cron, cronFile } = found
  const at = (line: number) => `${cronFile}:${line}`
  return [
    ...cron.jobs.flatMap((job) => ofJob(job, at(job.line), found)),
    ...ofVariables(cron, at),
    ...ofZone(found, at),
  ]
}

function ofJob(job: CronJob, place: string, { site }: Predecessor): Change[] {
  const { program, times, words, off } = job
  const wasJwt =
    /--authmethod[= ]jwt\b/.test(words.join(' ')) && Boolean(site?.ferry?.hostCert && site.ferry.hostKey)
  return [
    off
      ? change(place, `${program} is commented out: it does not run now`)
      : change(
          place,
          `${program} runs until its line is commented out; side by side the two do each other no harm`,
          `while both run, schedule: {cron: false} in the configuration; then comment the line out`,
        ),
    ...(times === usual[program]
      ? []
      : [
          change(
            place,
            `${program} starts at "${times}", the daemons at "${usual[program]}"`,
            `${keyOf[program]}: "${times}"`,
          ),
        ]),
    ...(wasJwt
      ? [
          change(
            place,
            'FERRY is asked with a token (--authmethod jwt, which is no flag of the daemons); they take the certificate where ferry.hostCert and ferry.hostKey are set',
            'take the two out of the configuration to go on with tokens',
          ),
        ]
      : []),
    ...flagsThatWent(program, words)
      .filter(([flag]) => flag !== '--configfile' && !(wasJwt && flag === '--authmethod'))
      .map(([flag, became]) => change(place, `${flag} is no flag of a daemon: ${became}`)),
  ]
}

const ofVariables = ({ variables }: Cron, at: (line: number) => string): Change[] =>
  variables
    .filter(({ name }) => !ofCron.includes(name))
    .map(({ line, name, value }) =>
      change(
        at(line),
        `${name} is set for cron alone; a unit does not see it${
          name === 'HTGETTOKENOPTS' && value.includes('--credkey')
            ? ', and its --credkey is that of one service, where each gets its own'
            : ''
        }`,
        `put it into ${variablesFile}`,
      ),
    )

/** cron has the machine's time zone, the daemons UTC. */
function ofZone({ cron: { jobs }, zone }: Predecessor, at: (line: number) => string): Change[] {
  const byHour = jobs.find(({ times }) => times.split(' ')[1] !== '*')
  if (!byHour || !zone || /^(Etc\/)?(UTC|UCT|Zulu|GMT)$/.test(zone)) return []
  return [
    change(
      at(byHour.line),
      `"${byHour.times}" is a time of ${zone}; the daemons count in UTC`,
      `schedule.timeZone: ${zone}`,
    ),
  ]
}
