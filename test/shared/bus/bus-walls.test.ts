/** The keys of the bus against its walls, on the installed nats-server. */
import { describe } from 'node:test'
import { testBusWalls } from '../../support/bus-walls/walls.ts'

describe('a key of the bus is good for what docs/security.md says, and no more', () => testBusWalls('2.9.10'))
