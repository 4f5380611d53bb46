/** What a site has left when it has ended: no process, no ticket, no temporary file, and no secret where none belongs. */
import { join } from 'node:path'
import { findLeaks, findSecrets, keysOf, type Secret, tokensOf } from '../../support/canary.ts'
import { dumpStreams } from '../../support/dump-streams.ts'
import { assertNothingLeft } from '../../support/site-ends.ts'

/** `texts`: every command line and environment that was seen; `hook`: the secret part of an address that was configured. */
export async function judgeRemains(dir: string, texts: readonly string[], hook: string): Promise<string[]> {
  const secrets: Secret[] = [...tokensOf(dir), ...keysOf(dir), { name: 'path of the webhook', value: hook }]
  const shown = texts.filter((text) => findSecrets(text, secrets).length > 0)
  const messages = await dumpStreams(join(dir, 'state'))
  const left = await assertNothingLeft(dir).then(
    () => [],
    (error: Error) => [`something is left: ${error.message}`],
  )
  return [
    ...left,
    ...(await findLeaks(dir)).map((leak) => `a secret lies where none belongs: ${leak}`),
    ...shown.map((text) => `a process shows a secret: ${text.split('\0')[0]}`),
    ...messages
      .filter(({ text }) => findSecrets(text, secrets).length > 0)
      .map(({ stream, subject }) => `a secret can be read on the bus: ${stream} ${subject}`),
  ]
}
