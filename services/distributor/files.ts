/** Which files a push puts on a node: the two names of the vault token, and jobsub's default role file. Pure. */
import type { Entry } from '../../shared/config/site.ts'
import { renderTemplate, templateFields } from '../../shared/config/template.ts'
import type { PlacedFile } from './ssh.ts'

/**
 * `/tmp/vt_u<UID>` is what ifdh and htgettoken read, `/tmp/vt_u<UID>-<service>` what jobsub_lite reads: mode 0400 tells it
 * that the file is managed and must not be moved. The role file holds one word.
 */
export function filesFor(entry: Entry, uid: number, token: string): PlacedFile[] {
  return [
    { path: `/tmp/vt_u${uid}`, mode: '400', content: token },
    { path: `/tmp/vt_u${uid}-${entry.service}`, mode: '400', content: token },
    {
      path: renderTemplate(entry.roleFileTemplate, templateFields(entry, uid)),
      mode: '644',
      content: entry.role,
      optional: true,
    },
  ]
}
