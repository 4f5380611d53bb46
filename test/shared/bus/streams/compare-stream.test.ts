import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  DiscardPolicy,
  type Republish,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream'
import {
  compareStream,
  describeDifference,
  updatedConfig,
} from '../../../../shared/bus/streams/compare-stream.ts'

/** As a server tells of a stream that is as wanted. */
const found: StreamConfig = {
  ...{ name: 'PUSH', subjects: ['push.*.*.*'], retention: RetentionPolicy.Workqueue, num_replicas: 3 },
  ...{ max_msgs: -1, max_msg_size: -1, max_msgs_per_subject: 1, max_consumers: -1, max_bytes: 1_000 },
  ...{ max_age: 0, discard: DiscardPolicy.New, storage: StorageType.File, duplicate_window: 120e9 },
  ...{ sealed: false, first_seq: 0, allow_rollup_hdrs: false, deny_delete: false, deny_purge: false },
  ...{ discard_new_per_subject: false, allow_direct: false, mirror_direct: false },
} as unknown as StreamConfig
const plan = {
  ...{ name: 'PUSH', subjects: ['push.*.*.*'], retention: RetentionPolicy.Workqueue },
  ...{ max_msgs_per_subject: 1, max_bytes: 1_000, discard: DiscardPolicy.New },
}
const copying: Republish = { src: '>', dest: 'elsewhere.>' }

const cases: Readonly<Record<string, [Partial<StreamConfig>, string[]]>> = {
  'what is as wanted is not told of, whatever a site chose besides': [{ num_replicas: 5 }, []],
  'a larger limit of bytes is the site’s own choice': [{ max_bytes: 5_000 }, []],
  'a smaller one is not': [{ max_bytes: 10 }, ['max_bytes is 10, not 1000']],
  'no limit is none': [{ max_bytes: -1 }, ['max_bytes is -1, not 1000']],
  'room for one message': [{ max_msgs: 1 }, ['max_msgs is 1, not -1']],
  'subjects of others': [
    { subjects: ['push.*.*.*', '_INBOX_storer.>'] },
    ['subjects is ["push.*.*.*","_INBOX_storer.>"], not ["push.*.*.*"]'],
  ],
  'copies to elsewhere': [{ republish: copying }, ['republish is set']],
  'messages from elsewhere': [{ sources: [{ name: 'KV_sealed' }] }, ['sources is set']],
  'a mirror of another': [{ mirror: { name: 'KV_sealed' } }, ['mirror is set']],
  'messages that go away by themselves': [{ max_age: 1 }, ['max_age is 1, not 0']],
  'writers that never hear': [{ no_ack: true }, ['no_ack is true, not false']],
}

describe('a stream beside what is wanted', () => {
  for (const [name, [change, expected]] of Object.entries(cases))
    it(name, () =>
      assert.deepEqual(compareStream({ ...found, ...change }, plan).map(describeDifference), expected),
    )

  it('is made as wanted, and keeps what the site chose', () => {
    const odd: StreamConfig = { ...found, num_replicas: 5, max_msgs: 1, republish: copying }
    const updated = updatedConfig(odd, compareStream(odd, plan))
    assert.deepEqual(JSON.parse(JSON.stringify(updated)), { ...found, num_replicas: 5 })
  })
})
