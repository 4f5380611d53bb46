/** The keys of the bus against its walls, on the installed nats-server. */
import { testBusWalls } from '../support/bus-walls/walls.ts'

testBusWalls('2.9.10')
