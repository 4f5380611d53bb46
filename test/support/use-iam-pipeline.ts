/** A pipe at a site with a token issuer alone, whose people have logged in. */
import { type IamSite, type IamSiteOptions, startIamSite } from '../../sandbox/iam-site.ts'
import { logInPeople } from '../../sandbox/log-in-people.ts'
import { patience } from './patience.ts'
import { type SuitePipeline, usePipeline } from './use-pipeline.ts'

/** Registers the hooks of the suite it is called in. */
export function useIamPipeline(more: Pick<IamSiteOptions, 'refreshTokens'> = {}): SuitePipeline & {
  readonly site: IamSite
} {
  let site: IamSite | undefined
  const at = usePipeline(() => ({
    async start(options) {
      site = await startIamSite({ ...options, ...more })
      await logInPeople(site)
      return site
    },
    // A question that was cut off is waited for so long, and a little longer.
    settings: { timeouts: { ...patience.timeouts, vaultStorerTimeout: '5s' } },
  }))
  return {
    get pipe() {
      return at.pipe
    },
    get dir() {
      return at.dir
    },
    get around() {
      return at.around
    },
    get site() {
      if (!site) throw new Error('the site has not started')
      return site
    },
  }
}
