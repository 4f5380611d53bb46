/** A fault of something that the site does not have is wrong use: it would change nothing, and look as if it did. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { listNames, refuseUnknownNames } from '../../sandbox/fault-names.ts'
import { type FaultName, type Faults, faultsSchema } from '../../sandbox/faults.ts'
import { z } from '../../shared/contracts/zod.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { runDemo } from '../support/run-demo.ts'

const refuse = (faults: Faults) => () => refuseUnknownNames(faults, defaultEntries)
const services = 'dune_production, mu2e_production, nova_analysis'

describe('a fault of something that the site does not have', () => {
  const refused: readonly (readonly [string, Faults, string])[] = [
    [
      'a node',
      { 'node-down': ['mu2egpvm01', 'nosuch'] },
      'fault "node-down": the site has no node nosuch. There are: dunegpvm01.sandbox.test, sharedgpvm01.sandbox.test, mu2egpvm01.sandbox.test',
    ],
    [
      'a credd',
      { 'credd-down': ['cred1'] },
      'fault "credd-down": the site has no credd cred1; did you mean credd1? There are: credd1.sandbox.test, credd2.sandbox.test',
    ],
    [
      'a collector',
      { 'collector-down': ['credd1'] },
      'fault "collector-down": the site has no collector credd1. There are: collector.sandbox.test',
    ],
    [
      'a service by the name of its entry',
      { 'needs-onboarding': ['dune-2_production'] },
      `fault "needs-onboarding": the site has no service dune-2_production; did you mean dune_production? There are: ${services}`,
    ],
  ]
  for (const [what, faults, said] of refused)
    it(`is refused with the names there are: ${what}`, () => assert.throws(refuse(faults), { message: said }))

  it('is looked for with every fault that takes names', () => {
    const withNames = Object.entries(faultsSchema.shape).filter(
      ([, kind]) => kind.unwrap() instanceof z.ZodArray,
    )
    assert.ok(withNames.length >= 15)
    for (const [fault] of withNames)
      assert.throws(refuse({ [fault as FaultName]: ['nosuch'] }), /There are: \w/, fault)
  })

  it('is another thing than one of what is there, by its short or its full name', () => {
    refuse({
      'node-down': ['mu2egpvm01', 'sharedgpvm01.sandbox.test'],
      'credd-hangs': ['credd2'],
      'collector-down': ['collector'],
      'storer-hangs': ['mu2e_production'],
      'vault-error': 503,
      'kdc-down': true,
    })()
  })

  it('are listed for usage texts, each kind in a line, hosts without their domain', () => {
    assert.match(
      listNames(defaultEntries),
      /^ {2}NODE +dunegpvm01, .*\n {2}CREDD +credd1, credd2\n.*\n {2}SERVICE +\w/,
    )
  })

  it('ends the demo with exit code 2 before anything is made', async () => {
    await using directory = await makeDirectory()
    const { exitCode, stdout, stderr } = await runDemo(join(directory.path, 'site'), [
      '--fault',
      'node-down=nosuch',
    ])
    assert.deepEqual([exitCode, stdout], [2, ''])
    assert.match(stderr, /^demo: fault "node-down": the site has no node nosuch\. /)
  })
})
