import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream'
import { errors } from '@nats-io/nats-core'
import { isBusError, mayAnswerLater } from '../../../shared/bus/bus-errors.ts'
import { ClaimLost, failure, Permanent, RetryLater, Transient } from '../../../shared/contracts/errors.ts'

const api = (code: number, err_code: number, description = 'as JetStream words it') =>
  new JetStreamApiError({ code, err_code, description })

/** A class of the client that it does not give away. */
class JetStreamNotEnabled extends Error {
  override readonly name = 'JetStreamNotEnabled'
}

const failed = failure('vault-unreachable', 'No answer.')

type Verdict = readonly [ofBus: boolean, mayAnswerLater: boolean]
const away: Verdict = [true, true]
const over: Verdict = [true, false]
const notOfBus: Verdict = [false, false]

const sentences: Record<string, readonly [unknown, Verdict]> = {
  'a request was not answered in time': [new errors.TimeoutError(), away],
  'nobody listens': [new errors.NoRespondersError('$JS.API.STREAM.INFO.X'), away],
  'a request was cut off': [new errors.RequestError('connection disconnected'), away],
  'the server refuses connections': [new errors.ConnectionError('connection refused'), away],
  'the server hung up': [new errors.ProtocolError("'stale connection'"), away],
  'the server has other keys just now': [new errors.AuthorizationError('authorization violation'), away],
  'our key is over': [new errors.UserAuthenticationExpiredError('expired'), away],
  'JetStream is not available for a while': [api(503, 10_008), away],
  'JetStream has no leader': [api(500, 10_009), away],
  'JetStream has no room': [api(503, 10_023, 'insufficient resources'), away],
  'a cluster that is starting has not all its servers': [
    api(400, 10_005, 'no suitable peers for placement'),
    away,
  ],
  'JetStream is asked too often': [api(429, 10_167), away],
  'a stream or bucket is gone': [api(404, 10_059, 'stream not found'), away],
  'no stream took what was published': [new JetStreamNotEnabled('jetstream is not enabled'), away],
  'a pull heard no heartbeat': [new JetStreamError('heartbeats missed'), away],
  'it is the cause of another error': [
    new Error('could not read the claim', { cause: new errors.TimeoutError() }),
    away,
  ],
  'it is the cause of the cause': [
    new Error('a', { cause: new TypeError('b', { cause: api(503, 10_008) }) }),
    away,
  ],
  'it is one of several': [new AggregateError([new Error('a'), new errors.TimeoutError()]), away],
  'we have closed the connection': [new errors.ClosedConnectionError(), over],
  'we are closing the connection': [new errors.DrainingConnectionError(), over],
  'the connection was closed under a question': [new errors.RequestError('connection closed'), over],
  'the same, wrapped': [
    new errors.RequestError('closed', { cause: new errors.ClosedConnectionError() }),
    over,
  ],
  'our keys do not allow the question': [
    new errors.RequestError('Permissions Violation', {
      cause: new errors.PermissionViolationError('Permissions Violation', 'publish', '$JS.API.X'),
    }),
    over,
  ],
  'somebody was faster': [api(400, 10_071, 'wrong last sequence: 7'), notOfBus],
  'a value is too large': [api(400, 10_054, 'message size exceeds maximum allowed'), notOfBus],
  'a subject is wrong': [new errors.InvalidSubjectError('a b'), notOfBus],
  'something is wrong in our code': [new TypeError('x is not a function'), notOfBus],
  'a web request was not answered in time': [new DOMException('timed out', 'TimeoutError'), notOfBus],
  'a socket to somebody else was refused': [
    Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
    notOfBus,
  ],
  'a target failed': [new Transient(failed), notOfBus],
  'a target failed for good': [new Permanent(failed), notOfBus],
  'it has to wait': [new RetryLater(5), notOfBus],
  'somebody has taken over': [new ClaimLost('x'), notOfBus],
  'it is no error at all': ['timeout', notOfBus],
  'it causes itself': [causingItself(), notOfBus],
}

function causingItself(): Error {
  const error = new Error('a')
  error.cause = error
  return error
}

describe('whether the bus is at fault, and may answer later, where', () => {
  for (const [sentence, [error, verdict]] of Object.entries(sentences))
    it(sentence, () => assert.deepEqual([isBusError(error), mayAnswerLater(error)], verdict))
})
