/** The configuration changes while the daemons run: a broken one is refused and told once, a good one counts from the next run on. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { daemons } from '../../shared/contracts/subjects.ts'
import { readMailsAbout, readSlack } from '../support/admin-mails.ts'
import { eventually } from '../support/latch.ts'
import type { Pipeline } from '../support/pipeline.ts'
import { useTypedSite } from '../support/typed-site.ts'

describe('a configuration that changes while the daemons run', { timeout: 400_000 }, () => {
  const at = useTypedSite()
  let pipe: Pipeline
  let good: string

  before(() => {
    pipe = at.pipe
    good = readFileSync(pipe.site.config, 'utf8')
  })

  const logOf = (daemon: string) => readFileSync(join(pipe.site.layout.logs, `${daemon}.log`), 'utf8')
  const linesWith = (daemon: string, text: string) =>
    logOf(daemon)
      .split('\n')
      .filter((line) => line.includes(text))
  /** A daemon that has no part in a run hears of it all the same, in its own time. */
  const untilSaid = (text: string) =>
    eventually(
      async () => daemons.every((daemon) => linesWith(daemon, text).length > 0),
      `every daemon says: ${text}`,
    )
  const told = () => readMailsAbout('the configuration was changed', pipe.site.dir)
  const finish = async (body: object = { services: ['nova_analysis'] }) => {
    const { run } = await pipe.startRun(body)
    return pipe.finish(run)
  }

  it('stays as it was where the file is broken, and administrators are told the place, once', async () => {
    const lines = good.split('\n')
    const line = lines.findIndex((one) => one.startsWith('minTokenLifetime:'))
    assert.ok(line > 0)
    writeFileSync(pipe.site.config, good.replace(/^minTokenLifetime:.*$/m, 'minTokenLifetime: soon'))

    const status = await finish()
    assert.equal(status.totals.done, 1)
    const place = `${pipe.site.config}:${line + 1}:19: error: `
    const [mail, ...others] = await told()
    assert.ok(mail, 'the administrators hear of it')
    assert.deepEqual(others, [])
    assert.ok(mail.text.includes(place), `${mail.text} names ${place}`)
    assert.match(mail.text, /The last good configuration stays in force/)
    assert.equal(readSlack(pipe.site.dir).filter((post) => post.includes(place)).length, 1)
    await untilSaid('the last good one stays')
    for (const daemon of daemons)
      assert.equal(linesWith(daemon, 'the last good one stays').length, 1, `${daemon} says so, once`)

    await finish()
    assert.equal((await told()).length, 1, 'the same fault is told once')

    writeFileSync(
      pipe.site.config,
      good.replace(/^errorCountToSendMessage:.*$/m, 'errorCountToSendMessage: many'),
    )
    await finish()
    assert.equal((await told()).length, 2, 'another fault is news')
  })

  it('counts in every daemon from the next run on', async () => {
    writeFileSync(pipe.site.config, good.replace(/^minTokenLifetime:.*$/m, 'minTokenLifetime: 4d'))
    const { totals } = await finish()
    assert.equal(totals.done, 1)
    await untilSaid('a new configuration is in force')
    for (const daemon of daemons)
      assert.equal(linesWith(daemon, 'a new configuration is in force').length, 1, daemon)
    assert.equal((await told()).length, 2, 'a good file is no news')
    for (const daemon of daemons) assert.deepEqual(linesWith(daemon, 'make the files the same'), [], daemon)
  })
})
