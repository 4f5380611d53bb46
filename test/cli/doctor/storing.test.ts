/** What the doctor says of storing: which method, how many lanes, and why. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judgeStoring, type StoringHere } from '../../../cli/doctor/storing.ts'
import { siteOf } from '../../services/build.ts'

const versionOf = (version: string) => `$CondorVersion: ${version} 2025-10-23 BuildID: 1 $`
const all: StoringHere = { missing: { script: [], direct: [] }, condorVersion: versionOf('24.12.4') }
const old: StoringHere = { ...all, condorVersion: versionOf('10.0.5') }
const withoutScript: StoringHere = { ...all, missing: { script: ['condor_vault_storer'], direct: [] } }

describe('what the doctor says of storing', () => {
  const table: Record<string, [config: string, StoringHere, state: string, says: RegExp]> = {
    'both methods, and any number of lanes, with a new HTCondor': [
      '',
      all,
      'ok',
      /^script in 1 lane is configured; works here: script with 1 to 16 lanes; direct with 1 to 16 lanes \(/,
    ],
    'one lane for the script with an old one, and why': [
      '',
      old,
      'ok',
      /script with one lane only \(HTCondor 10\.0\.5 gives all runs .* the same files in \/tmp\); direct with 1 to 16/,
    ],
    'that more lanes than work are configured': ['storer: {lanes: 4}', old, 'problem', /^script in 4 lanes/],
    'that direct in lanes works with an old one': [
      'storer: {lanes: 4, method: direct}',
      old,
      'ok',
      /^direct in 4 lanes/,
    ],
    'that the method wants a program that is not here': [
      '',
      withoutScript,
      'problem',
      /not script: condor_vault_storer not found; direct with 1 to 16/,
    ],
    'that the other method wants it': ['storer: {method: direct}', withoutScript, 'ok', /not script/],
    'any number of lanes where the version is not told': [
      'storer: {lanes: 4}',
      { ...all, condorVersion: undefined },
      'ok',
      /script with 1 to 16 lanes/,
    ],
  }
  for (const [what, [config, here, state, says]] of Object.entries(table))
    it(what, () => {
      const [finding] = judgeStoring(siteOf(config), here)
      assert.equal(finding?.state, state)
      assert.match(finding?.says ?? '', says)
      assert.equal(finding?.fix !== undefined, state === 'problem')
    })
})
