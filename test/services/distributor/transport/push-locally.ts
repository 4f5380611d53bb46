/**
 * A distributor's push by transport local; also in a process of its own, where its words are the user that it runs as, the account and
 * its UID, the directory, the token. Said is `placed`, or the code and the sentence of what was thrown.
 */
import { fileURLToPath } from 'node:url'
import { pushLocally } from '../../../../services/distributor/transport/local.ts'
import { isFailed } from '../../../../shared/contracts/errors.ts'
import { makeEntry } from '../../../support/entry.ts'
import { tokenFiles } from './place-here.ts'

export async function pushAs(
  account: string,
  uid: number,
  directory: string,
  token: string,
): Promise<string> {
  const entry = makeEntry({ account, nodes: ['here'], transport: 'local' })
  const means = { ssh: 'ssh', rsync: 'rsync', staging: '/nowhere', connectMs: 20_000, timeoutMs: 60_000 }
  try {
    const push = { entry, node: 'here', uid, files: tokenFiles(directory, token) }
    await pushLocally(push, { ...means, signal: AbortSignal.timeout(120_000) })
    return 'placed'
  } catch (error) {
    if (!isFailed(error)) throw error
    return `${error.failure.code}: ${error.message}`
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [as = '', account = '', uid = '', directory = '', token = ''] = process.argv.slice(2)
  if (as !== '0') {
    process.setgroups?.([])
    process.setgid?.(Number(as))
    process.setuid?.(Number(as))
  }
  process.stdout.write(`${await pushAs(account, Number(uid), directory, token)}\n`)
}
