/** The configuration as a daemon holds it: read again when asked, and never replaced by a broken one. */
import { type Environment, environment } from '../environment.ts'
import { hashOf, readSiteFile } from '../load.ts'
import { loadSmall } from '../load-apart.ts'
import type { Site } from '../site.ts'
import { ConfigError, type Problem } from './problem.ts'

export interface SiteSource {
  /** The configuration in force: the last one that was good. */
  current(): Site
  /**
   * Reads the file again. `changed`: another configuration is in force now. `problems`: the file is broken and the last
   * good one stays; given once per distinct content, so that admins hear of it once.
   */
  reload(): { readonly changed: boolean; readonly problems?: readonly Problem[] }
  /** What is wrong with the file as it was last read; empty while it is good. */
  problems(): readonly Problem[]
}

/** Opens `file`. Throws {@link ConfigError} when it is wrong: there is no last good one yet. */
export function openSiteSource(file: string, variables: Environment = environment): SiteSource {
  let site = loadSmall(file, readSiteFile(file), variables)
  let reported: string | undefined
  let wrong: readonly Problem[] = []

  const broken = (content: string, problems: readonly Problem[]) => {
    wrong = problems
    if (content === reported) return { changed: false }
    reported = content
    return { changed: false, problems }
  }

  function reload(): ReturnType<SiteSource['reload']> {
    let content = 'unreadable'
    try {
      const bytes = readSiteFile(file)
      content = hashOf(bytes)
      if (content === site.hash) {
        reported = undefined
        wrong = []
        return { changed: false }
      }
      site = loadSmall(file, bytes, variables)
      reported = undefined
      wrong = []
      return { changed: true }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      return broken(content === 'unreadable' ? `${content}: ${error.message}` : content, error.problems)
    }
  }

  return { current: () => site, reload, problems: () => wrong }
}
