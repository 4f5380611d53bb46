import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chooseMessage } from '../../../../services/notifier/outbox/next-message.ts'
import type { Notification } from '../../../../shared/contracts/messages.ts'
import { ofRun } from '../../build.ts'

const to = (channel: Notification['channel'], addressee: string): Notification => ({
  ...{ ...ofRun(), channel, to: addressee, id: `${channel}.${addressee}`, subject: '', text: '' },
})
const mails = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => to('email', `user${from + n}@lab.example`))

describe('the next message to go out', () => {
  it('is the oldest one', () => {
    const waiting = mails(3)
    assert.equal(chooseMessage(waiting, []), waiting[0])
  })
  it('is not one for somebody who is just being sent another', () => {
    const [first, second] = [to('slack', 'admin'), to('slack', 'admin')]
    assert.equal(chooseMessage([first, second], [to('slack', 'admin')]), undefined)
    const other = to('slack', 'experiment:dune')
    assert.equal(chooseMessage([first, other], [second]), other)
  })
  it('is no mail while the mail server holds up sixteen, and everything else goes on', () => {
    assert.equal(chooseMessage(mails(5, 100), mails(16)), undefined)
    const post = to('slack', 'admin')
    assert.equal(chooseMessage([...mails(5, 100), post], mails(16)), post)
    const waiting = mails(5, 100)
    assert.equal(chooseMessage(waiting, mails(15)), waiting[0])
  })
})
