/** Which HTCondor gives a storer run names of its own in /tmp. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasOwnNames, mustHaveOneLane } from '../../../../services/storer/condor/condor-version.ts'
import { Permanent } from '../../../../shared/contracts/errors.ts'

const table: Record<string, boolean> = {
  '9.0.20': false,
  '10.0.5': false,
  '10.0.6': true,
  '10.0.9': true,
  '10.5.1': false,
  '10.6.0': true,
  '10.9.0': true,
  '23.0.8': true,
  '25.14.0': true,
}

describe('names of one’s own', () => {
  for (const [version, expected] of Object.entries(table))
    it(`${expected ? 'are there' : 'are unknown'} in ${version}`, () =>
      assert.equal(
        hasOwnNames(
          `$CondorVersion: ${version} 2023-04-19 BuildID: 642199 PackageID: ${version}-1 $\n$CondorPlatform: x86_64_Debian12 $\n`,
        ),
        expected,
      ))
  it('are there where the version cannot be read', () => assert.equal(hasOwnNames('no such thing\n'), true))
})

describe('without names of one’s own', () => {
  const service = { service: 'dune_production' }
  it('one lane is as ever', () => mustHaveOneLane(service, { storer: { lanes: 1 } }))
  it('more than one is refused, and administrators are told why', () =>
    assert.throws(
      () => mustHaveOneLane(service, { storer: { lanes: 4 } }),
      (error) => error instanceof Permanent && error.failure.code === 'lanes-refused',
    ))
})
