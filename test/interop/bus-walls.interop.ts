/** The keys of the bus against its walls, on a current nats-server. */
import { dirname } from 'node:path'
import { describe } from 'node:test'
import { testBusWalls } from '../support/bus-walls/walls.ts'
import { goProgram } from './support/real-programs.ts'

process.env.PATH = `${dirname(goProgram('nats-server'))}:${process.env.PATH}`

describe('a key of the bus is good for what docs/security.md says, and no more', () => testBusWalls('2.12.9'))
