/** Pieces of news and the messages made of them, for tests. */
import { composeDigests } from '../../../services/notifier/digest/digest.ts'
import { loadTemplates } from '../../../services/notifier/digest/templates.ts'
import type { News } from '../../../services/notifier/news/news.ts'
import type { Site } from '../../../shared/config/site.ts'
import { at, runIds, siteOf } from '../build.ts'

export const piece = (
  entry: string | undefined,
  where: News['where'],
  name: string,
  more: Partial<News> = {},
): News => ({
  ...{ kind: 'failure', run: runIds[0], at: at(0), isTest: false, where, name },
  ...(entry && { entry, service: entry }),
  ...{ code: 'node-unreachable', message: 'It broke.', action: 'Mend it.', since: at(0), runs: 1, ...more },
})

export const recipients = `notifications: { admin_email: [admin@lab.example], SLACK_ALERTS_URL: "https://hooks.lab.example/a" }
notifications_test: { admin_email: [tester@lab.example], SLACK_ALERTS_URL: "https://hooks.lab.example/t" }`

/** The messages of a batch, as they come with managed-tokens. */
export const digestsOf = (news: readonly News[], site: Site = siteOf(recipients)) =>
  composeDigests({ id: 'batch', at: at(6), news }, site, loadTemplates(undefined).templates).map(
    ({ body }) => body,
  )
