/** No secret is anywhere it does not belong: every token the site gave out, every seed and the webhook's path, looked for everywhere. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  findLeaks,
  findSecrets,
  keysOf,
  placesOfTokens,
  type Secret,
  scanFiles,
  tokensOf,
} from '../support/canary.ts'
import { dumpStreams } from '../support/dump-streams.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { type Sample, sampleProcesses } from '../support/process-sampler.ts'
import { type DemoOutcome, runDemo } from '../support/run-demo.ts'

describe('after a run in which some things failed', { timeout: 400_000 }, () => {
  let directory: Awaited<ReturnType<typeof makeDirectory>>
  let dir: string
  let outcome: DemoOutcome
  let sample: Sample
  let tokens: Secret[]
  let keys: Secret[]
  let all: Secret[]

  before(async () => {
    directory = await makeDirectory()
    dir = directory.path
    await using sampler = await sampleProcesses()
    outcome = await runDemo(dir, [
      '--fault',
      'needs-onboarding=nova_analysis',
      '--fault',
      'credd-down=credd2',
    ])
    sample = await sampler.stop()
    tokens = tokensOf(dir)
    keys = keysOf(dir)
    all = [...tokens, ...keys]
  })

  after(() => directory[Symbol.asyncDispose]())

  const findIn = (text: string | Buffer) => findSecrets(text, all)

  it('there is something to look for, and in', () => {
    assert.equal(outcome.exitCode, 1)
    const kinds = tokens.map(({ name }) => name.replace(/ \d+/, ''))
    for (const service of ['dune_production', 'mu2e_production'])
      for (const kind of ['vault', 'bearer'])
        assert.ok(kinds.includes(`${kind} token (${service})`), `a ${kind} token of ${service}`)
    assert.equal(keys.length, 8)
    for (const place of ['logs', 'traces', 'mail', 'slack'])
      assert.ok(readdirSync(join(dir, place)).length > 0, place)
  })

  it('no file of the site and none in /tmp holds a secret that is not its business', async () =>
    assert.deepEqual(await findLeaks(dir), []))

  it('tokens do lie where they belong, and are found there', async () => {
    const places = new Set((await scanFiles(dir, tokens)).map((found) => found.split('/')[0]))
    assert.deepEqual([...places].sort(), ['credds', 'nodes', 'state', 'vault'])
    const daemons = new Set((await scanFiles(join(dir, 'state'), tokens)).map((found) => found.split('/')[0]))
    assert.deepEqual([...daemons].sort(), ['refresher', 'storer'])
  })

  it('the demo says none', () => {
    assert.deepEqual(findIn(outcome.stdout), [])
    assert.deepEqual(findIn(outcome.stderr), [])
  })

  it('no process shows one in its arguments or environment', () => {
    const leaks = sample.texts.filter((text) => findIn(text).length > 0).map((text) => text.split('\0')[0])
    assert.deepEqual(leaks, [])
    assert.ok(sample.passes > 100, `${sample.passes} looks at all processes`)
    const commands = sample.texts.map((text) => text.replaceAll('\0', ' '))
    for (const command of ['htgettoken.ts', 'condor_vault_storer.ts', 'ssh -F', 'kinit -k'])
      assert.ok(
        commands.some((text) => text.includes(command)),
        `${command} was seen while it ran`,
      )
  })

  it('no message, no work item and no value on the bus holds one', async () => {
    const messages = await dumpStreams(join(dir, 'state'))
    const streams = new Set(messages.map(({ stream }) => stream))
    for (const stream of ['TOKENS', 'KV_sealed', 'KV_targets', 'KV_runs', 'KV_failures'])
      assert.ok(streams.has(stream), stream)
    assert.deepEqual(
      messages.filter(({ text }) => findIn(text).length > 0).map(({ subject }) => subject),
      [],
    )
    const sealed = messages.filter(({ stream }) => stream === 'KV_sealed')
    assert.equal(sealed.length, 3, 'one sealed token for each entry that got one')
    // The files of the store hold also what has been consumed since; that they can be read at all is shown by what is known to be in them.
    const known = { name: 'a sealed token', value: sealed[0]?.text.slice(-60) ?? '' }
    const files = await scanFiles(join(dir, 'state', 'nats'), [known])
    assert.ok(
      files.some((found) => found.includes('KV_sealed')),
      files.join(),
    )
  })

  describe('a secret that is planted is found', () => {
    const planted = () => tokens[0] as Secret

    it('in a file, plain, in base64 at any offset, and in hex', async () => {
      const places = join(dir, 'planted')
      mkdirSync(places)
      const { value } = planted()
      const forms: Record<string, string> = {
        plain: `{"token":"${value}"}`,
        base64: Buffer.from(`{"token":"${value}"}`).toString('base64'),
        shifted: Buffer.from(`{"token": "${value}"}`).toString('base64'),
        shiftedAgain: Buffer.from(`{"token":  "${value}"}`).toString('base64url'),
        hex: Buffer.from(value).toString('hex'),
      }
      for (const [name, text] of Object.entries(forms)) writeFileSync(join(places, name), text)
      const found = await scanFiles(dir, [planted()], placesOfTokens(dir))
      assert.deepEqual(
        found.sort(),
        Object.keys(forms)
          .map((name) => `planted/${name}: ${planted().name}`)
          .sort(),
      )
    })

    it('in the arguments and the environment of a process that lives a tenth of a second', async () => {
      const both = [planted(), tokens[1] as Secret]
      const [argument, variable] = both as [Secret, Secret]
      const found = new Set<string>()
      // On a machine with much else to do one may come and go unseen: the first that is seen counts.
      for (let times = 1; found.size < both.length; times += 1) {
        assert.ok(times <= 20, `of ${both.map(({ name }) => name)} only ${[...found]} found`)
        await using sampler = await sampleProcesses()
        const child = spawn('/bin/sh', ['-c', 'sleep 0.1; :', argument.value], {
          env: { PATH: '/usr/bin:/bin', BEARER: variable.value },
        })
        await once(child, 'exit')
        const { texts } = await sampler.stop()
        for (const text of texts) for (const name of findSecrets(text, both)) found.add(name)
      }
    })

    it('in /tmp', async () => {
      const file = `/tmp/mt-planted-${process.pid}`
      writeFileSync(file, planted().value)
      try {
        assert.ok((await findLeaks(dir)).includes(`${file}: ${planted().name}`))
      } finally {
        rmSync(file)
      }
    })
  })
})
