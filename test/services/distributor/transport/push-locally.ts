/**
 * A distributor's push by transport local, in a process of its own. Words: the user that it runs as, the account and its UID, the
 * directory, the token. On stdout: `placed`, or the code and the sentence of what was thrown.
 */
import { pushLocally } from '../../../../services/distributor/transport/local.ts'
import { isFailed } from '../../../../shared/contracts/errors.ts'
import { makeEntry } from '../../../support/entry.ts'
import { tokenFiles } from './place-here.ts'

const [as = '', account = '', uid = '', directory = '', token = ''] = process.argv.slice(2)
if (as !== '0') {
  process.setgroups?.([])
  process.setgid?.(Number(as))
  process.setuid?.(Number(as))
}
const entry = makeEntry({ account, nodes: ['here'], transport: 'local' })
const means = { ...{ ssh: 'ssh', rsync: 'rsync', staging: '/nowhere', connectMs: 20_000, timeoutMs: 60_000 } }
try {
  const push = { entry, node: 'here', uid: Number(uid), files: tokenFiles(directory, token) }
  await pushLocally(push, { ...means, signal: AbortSignal.timeout(120_000) })
  process.stdout.write('placed\n')
} catch (error) {
  if (!isFailed(error)) throw error
  process.stdout.write(`${error.failure.code}: ${error.message}\n`)
}
