/** Which server, seed and authority the command line takes, of those it is told and those it finds. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { findWayToBus } from '../../../cli/bus/way-to-bus.ts'
import { natsFiles, seedFile } from '../../../shared/daemon/state.ts'

const root = mkdtempSync(join(tmpdir(), 'mt-way-'))
after(() => rmSync(root, { recursive: true }))

const write = (file: string, text = 'not a seed\n') => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}
const state = join(root, 'state')
const inState = write(seedFile(state, 'operator'))
const production = {
  servers: ['tls://bus.lab.example:4222'],
  caFile: '/etc/managed-tokens/nats-ca.pem',
  seedFile: join(root, 'credentials/{{.Daemon}}.service/nats.nk'),
}
const env = { MANAGED_TOKENS_STATE: state }

describe('the command line’s way to the bus', () => {
  it('is the configuration’s; the operator’s seed is in the state directory where the configured place is for daemons alone', () => {
    assert.deepEqual(findWayToBus('operator', {}, env, production), {
      servers: production.servers,
      caFile: production.caFile,
      seedFile: inState,
      replicas: 1,
      domain: undefined,
    })
  })

  it('takes the seed that the configuration names where there is one, before the state directory’s', () => {
    const named = write(join(root, 'credentials/refresher.service/nats.nk'))
    write(seedFile(state, 'refresher'))
    assert.equal(findWayToBus('refresher', {}, env, production).seedFile, named)
    assert.equal(findWayToBus('refresher', { state }, {}, production).seedFile, seedFile(state, 'refresher'))
  })

  it('finds under --state the seed of whoever a command works as, whatever NATS_NKEY says', () => {
    const own = write(join(root, 'other.nk'))
    for (const user of ['responder', 'admin'] as const) {
      write(seedFile(state, user))
      const { seedFile: found } = findWayToBus(user, { state }, { NATS_NKEY: own }, production)
      assert.equal(found, seedFile(state, user))
    }
  })

  it('takes NATS_NKEY for the operator alone', () => {
    const own = write(join(root, 'own.nk'))
    assert.equal(findWayToBus('operator', { state }, { NATS_NKEY: own }, production).seedFile, own)
    assert.notEqual(findWayToBus('refresher', {}, { ...env, NATS_NKEY: own }, production).seedFile, own)
  })

  it('keeps the configured authority for a server that is named by another TLS address, and has none for a plain one', () => {
    const caOf = (...[options, variables]: [object, object?]) =>
      findWayToBus('operator', options, { ...env, ...variables }, production).caFile
    assert.equal(caOf({ nats: 'tls://127.0.0.1:4222' }), production.caFile)
    assert.equal(caOf({}, { NATS_URL: 'tls://127.0.0.1:4222' }), production.caFile)
    assert.equal(caOf({ nats: 'nats://127.0.0.1:4222' }), undefined)
    assert.equal(caOf({}, { NATS_CA: '/tmp/ca.pem' }), '/tmp/ca.pem')
  })

  it('is the private server’s where nothing is said', () => {
    write(natsFiles(state).url, 'nats://127.0.0.1:4567\n')
    assert.deepEqual(findWayToBus('operator', {}, env, undefined), {
      servers: ['nats://127.0.0.1:4567'],
      caFile: undefined,
      seedFile: inState,
      replicas: 1,
      domain: undefined,
    })
  })

  it('names every place where a seed was looked for', () => {
    const elsewhere = { state: join(root, 'elsewhere') }
    assert.throws(() => findWayToBus('operator', elsewhere, {}, production), {
      message: `There is no operator's seed at ${join(root, 'elsewhere/operator/nats.nk')} or ${join(root, 'credentials/operator.service/nats.nk')}: give the state directory of "managed-tokens up" with --state, or set NATS_NKEY to the path of a copy.`,
    })
  })
})
