/** What the doctor says of the ways to people: nothing is sent, nothing is quoted that is secret. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { checkPeople } from '../../../cli/doctor/people.ts'
import { layoutOf } from '../../../sandbox/layout.ts'
import { makeTls, type Tls } from '../../../sandbox/tls.ts'
import { siteOf } from '../../services/build.ts'
import { listen, startMailServer } from '../../services/notifier/channels/mail-server.ts'

const directory = mkdtempSync(join(tmpdir(), 'mt-doctor-'))
after(() => rmSync(directory, { recursive: true }))

const layout = layoutOf(directory)
let tls: Tls
before(async () => {
  mkdirSync(layout.vault)
  tls = await makeTls(layout)
})

const look = async (settings: string) => {
  const found = checkPeople(siteOf(settings)).map(({ look }) => look(AbortSignal.timeout(60_000)))
  return (await Promise.all(found)).flat().map(({ about, state, says }) => `${about} ${state} ${says}`)
}

describe('the doctor on the ways to people', () => {
  it('comes to a mail server that wants TLS from the first byte as the notifier does', async () => {
    await using server = await startMailServer({}, { ...tls, secure: true, disabledCommands: ['AUTH'] })
    const [mail] = await look(
      `email: {from: a@lab.example, smtpHost: 127.0.0.1, smtpPort: ${server.port}, tls: tls, caPath: ${layout.vaultCa}}`,
    )
    assert.equal(mail, `mail ok 127.0.0.1:${server.port} is ready for mails`)
  })
  it('looks whether the password is one that may be used', async () => {
    await using server = await listen(createServer((socket) => socket.write('220 hello\r\n')))
    const file = join(directory, 'password')
    writeFileSync(file, 'x', { mode: 0o644 })
    const found = await look(
      `email: {from: a@lab.example, smtpHost: 127.0.0.1, smtpPort: ${server.port}, user: robot, passwordFile: ${file}}`,
    )
    assert.match(
      found.join('\n'),
      /^mail problem email\.passwordFile .*password is open to others: chmod 600/m,
    )
  })
  it('wants webhooks on other machines to be https, without quoting them', async () => {
    const found = await look(
      'notifications: {webhook: "http://chat.lab.example/secret"}\nnotifications_test: {webhook: "https://chat.lab.example/secret"}',
    )
    assert.deepEqual(
      found.filter((line) => line.startsWith('webhook')),
      [
        'webhook problem notifications.webhook is not https: everybody on the way can read it',
        'webhook ok notifications_test.webhook is set',
      ],
    )
  })
})
