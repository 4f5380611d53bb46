/** Ports one after the other, for programs that take more than one and bind them some time later. */
import { randomInt } from 'node:crypto'
import { choosePort } from '../../../cli/up/port.ts'

/** The first of so many free ports on loopback; below those that the kernel gives away, so that they stay free. */
export async function findFreeRow(length: number): Promise<number> {
  const first = randomInt(20_000, 32_000)
  for (let port = first; port < first + length; port++)
    if ((await choosePort(port)) !== port) return findFreeRow(length)
  return first
}
