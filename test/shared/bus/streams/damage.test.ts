import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isDamaged } from '../../../../shared/bus/streams/damage.ts'

const table: Record<string, { perSubject: number; messages: number; subjects?: number; expected: boolean }> =
  {
    'is well where each subject has its one message': {
      ...{ perSubject: 1, messages: 3, subjects: 3, expected: false },
    },
    'is well where it is empty': { perSubject: 1, messages: 0, expected: false },
    'is well where a subject may have several': { perSubject: 8, messages: 3, subjects: 1, expected: false },
    'is damaged where the server knows no subject of what lies there': {
      ...{ perSubject: -1, messages: 3, expected: true },
    },
    'is damaged where it knows those alone that were written since': {
      ...{ perSubject: 1, messages: 3, subjects: 1, expected: true },
    },
  }

describe('a stream that was read back from the disk', () => {
  for (const [what, { perSubject, messages, subjects, expected }] of Object.entries(table))
    it(what, () => {
      const state = { messages, ...(subjects === undefined ? {} : { num_subjects: subjects }) }
      const config = { max_msgs_per_subject: perSubject }
      assert.equal(isDamaged({ config, state } as never), expected)
    })
})
