/** One cause is one message: whatever hangs on it, administrators hear it once, and stakeholders of their own tokens on nodes. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Faults, writeFaults } from '../../sandbox/faults.ts'
import { eventually } from '../support/latch.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'
import { assertNoMisuse } from '../support/site-ends.ts'
import { type Mail, readMails, readPosts } from '../support/told.ts'

const admin = 'admin@sandbox.test'
const [dune, dune2, mu2e, nova] = ['dune_production', 'dune-2_production', 'mu2e_production', 'nova_analysis']
const all = [dune2, dune, mu2e, nova].join(', ')
const operatorsOf = (entry = '') => `${entry.split('_')[0]}-operators@sandbox.test`
const shared = 'sharedgpvm01.sandbox.test'
const mu2eNode = 'mu2egpvm01.sandbox.test'

describe('what administrators and stakeholders hear', { timeout: 500_000 }, () => {
  let directory: Awaited<ReturnType<typeof makeDirectory>>
  let pipe: Pipeline
  before(async () => {
    directory = await makeDirectory()
    pipe = await startPipeline({ dir: directory.path })
  })
  after(async () => {
    await pipe?.[Symbol.asyncDispose]()
    await directory[Symbol.asyncDispose]()
  })

  const mails = () => readMails(pipe.site.dir)
  /** Runs, and answers what people were told by then; `isTold` where that may come some seconds after the run. */
  async function hearAfterRun(faults: Faults, isTold: (more: readonly Mail[]) => boolean) {
    const [before, posted] = [new Set((await mails()).map(keyOf)), readPosts(pipe.site.dir).length]
    writeFaults(pipe.site.dir, faults)
    const { run } = await pipe.startRun()
    const status = await pipe.finish(run)
    const more = async () => (await mails()).filter((mail) => !before.has(keyOf(mail)))
    await eventually(async () => isTold(await more()), 'people are told', 60_000)
    await pipe.finish(run)
    return { status, told: await more(), posts: readPosts(pipe.site.dir).slice(posted) }
  }
  const keyOf = ({ id }: Mail) => id
  const subjectsOf = (told: readonly Mail[]) =>
    told.map(({ to, subject }) => `${to}: ${subject.replace(/ (since|after) .*/, '')}`)
  const isToAdmin = (told: readonly Mail[]) => told.some(({ to }) => to === admin)

  it('of Vault that is away is one mail to the administrators, and none to anybody else', async () => {
    const { told, posts } = await hearAfterRun({ 'vault-down': true }, isToAdmin)
    assert.deepEqual(
      told.map(({ to }) => to),
      [admin],
    )
    assert.match(
      told[0]?.subject ?? '',
      /^Vault( at \S+)?: 4 services without new tokens since .* \(1 run\)$/,
    )
    assert.deepEqual(told[0]?.told, [`Vault ← ${all}: vault-unreachable`])
    assert.match(told[0]?.text ?? '', /^ {2}affects: .*; 3 nodes and 2 credds wait for a token$/m)
    assert.deepEqual(posts, [told[0]?.told])
  })

  it('of its return is one mail too', async () => {
    const { told } = await hearAfterRun({}, isToAdmin)
    assert.deepEqual(
      told.map(({ to }) => to),
      [admin],
    )
    assert.match(told[0]?.subject ?? '', /^Vault( at \S+)?: tokens of 4 services are renewed again after /)
  })

  it('of two nodes that are away is an item each to the administrators, and one mail to each experiment about its own', async () => {
    for (const name of [shared, mu2eNode]) await pipe.site.stopNode(name)
    const { told } = await hearAfterRun({}, isToAdmin)
    const own = (entry = '', ...nodes: string[]) => ({
      to: operatorsOf(entry),
      told: nodes.map((node) => `${entry} → ${node}: connection-refused`),
    })
    assert.deepEqual(
      told.map(({ to, told: what }) => ({ to, told: what })),
      [
        {
          to: admin,
          told: [
            `node ${mu2eNode} ← ${dune2}, ${mu2e}: connection-refused`,
            `node ${shared} ← ${dune}, ${mu2e}, ${nova}: connection-refused`,
          ],
        },
        own(dune2, mu2eNode),
        own(dune, shared),
        own(mu2e, mu2eNode, shared),
        own(nova, shared),
      ],
    )
    assert.match(told[0]?.subject ?? '', /^managed-tokens: 2 failures in 4 services: /)
  })

  it('of their return each of them hears once, whichever try finds a node back', async () => {
    const before = new Set((await mails()).map(keyOf))
    for (const name of [shared, mu2eNode]) await pipe.site.startNode(name)
    const { run } = await pipe.startRun()
    await pipe.finish(run)
    const headlines = async () =>
      (await mails())
        .filter((mail) => !before.has(keyOf(mail)))
        .flatMap(({ to, text }) =>
          [...text.matchAll(/^(\S.*(?: on \S+|: tokens of \d+ services are renewed)) again /gm)].map(
            ([, what]) => `${to}: ${what}`,
          ),
        )
        .sort()
    const own = (entry: string, node: string) => `${operatorsOf(entry)}: ${entry}: token on ${node}`
    const expected = [
      `${admin}: node ${mu2eNode}: tokens of 2 services are renewed`,
      `${admin}: node ${shared}: tokens of 3 services are renewed`,
      ...[own(dune2, mu2eNode), own(dune, shared), own(mu2e, mu2eNode)],
      ...[own(mu2e, shared), own(nova, shared)],
    ].sort()
    await eventually(async () => (await headlines()).length >= expected.length, 'people are told', 60_000)
    assert.deepEqual(await headlines(), expected)
  })

  it('of a credd that is away is one mail to the administrators', async () => {
    const { told } = await hearAfterRun({ 'credd-down': ['credd1'] }, isToAdmin)
    assert.deepEqual(subjectsOf(told), [`${admin}: credd credd1.sandbox.test: 2 services without new tokens`])
    assert.deepEqual(told[0]?.told, [`credd credd1.sandbox.test ← ${dune}, ${mu2e}: credd-unreachable`])
  })

  it('of its return is one mail as well, whichever try brings it back', async () => {
    const { told } = await hearAfterRun({}, isToAdmin)
    assert.deepEqual(subjectsOf(told), [
      `${admin}: credd credd1.sandbox.test: tokens of 2 services are renewed again`,
    ])
    assertNoMisuse(pipe.site)
  })
})
