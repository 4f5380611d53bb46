/**
 * Reads what a credential cache file holds: whose tickets, and when the ticket-granting one ends. `klist` would say the same
 * at the price of a process. The format is MIT Kerberos' version 4, which kinit writes unless krb5.conf's `ccache_type` differs.
 */

export interface CachedTicket {
  /** As it is written in a configuration: `name/instance@REALM`. */
  readonly principal: string
  /** Milliseconds since the epoch. */
  readonly endMs: number
}

const version4 = 0x0504
/** Tickets for other services, and settings that are kept as if they were tickets, end on their own terms. */
const ticketGranting = /^krbtgt\//

/** Undefined where there is no ticket-granting ticket, or nothing in this format. Pure. */
export function readCcache(bytes: Buffer): CachedTicket | undefined {
  try {
    return readTicket(cursorOf(bytes))
  } catch (error) {
    // It ends in the middle of something.
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function readTicket(cursor: Cursor): CachedTicket | undefined {
  if (cursor.uint16() !== version4) return undefined
  cursor.skip(cursor.uint16())
  const principal = readPrincipal(cursor)
  while (!cursor.atEnd()) {
    const { server, endMs } = readCredential(cursor)
    if (ticketGranting.test(server)) return { principal, endMs }
  }
  return undefined
}

function readCredential(cursor: Cursor): { server: string; endMs: number } {
  readPrincipal(cursor)
  const server = readPrincipal(cursor)
  cursor.skip(uint16Bytes)
  cursor.data()
  cursor.skip(2 * uint32Bytes)
  const endMs = cursor.uint32() * 1_000
  cursor.skip(uint32Bytes + isSkeyBytes + uint32Bytes)
  for (const _list of ['addresses', 'authorization data'])
    for (let left = cursor.uint32(); left > 0; left--) {
      cursor.skip(uint16Bytes)
      cursor.data()
    }
  cursor.data()
  cursor.data()
  return { server, endMs }
}

function readPrincipal(cursor: Cursor): string {
  cursor.skip(uint32Bytes)
  const count = cursor.uint32()
  const realm = cursor.data().toString()
  const parts: string[] = []
  while (parts.length < count) parts.push(cursor.data().toString())
  return `${parts.map(escaped).join('/')}@${realm}`
}

/** What separates the parts of a principal is escaped inside one. */
const escaped = (part: string) => part.replace(/[\\/@]/g, '\\$&')

const uint16Bytes = 2
const uint32Bytes = 4
const isSkeyBytes = 1

type Cursor = ReturnType<typeof cursorOf>

/** Reads forward, and throws a RangeError behind the end. */
function cursorOf(bytes: Buffer) {
  let at = 0
  const skip = (count: number) => {
    if (at + count > bytes.length) throw new RangeError('behind the end')
    at += count
  }
  const uint32 = () => {
    const value = bytes.readUInt32BE(at)
    at += uint32Bytes
    return value
  }
  return {
    skip,
    uint32,
    uint16() {
      const value = bytes.readUInt16BE(at)
      at += uint16Bytes
      return value
    },
    /** A length and as many bytes. */
    data(): Buffer {
      const length = uint32()
      const start = at
      skip(length)
      return bytes.subarray(start, at)
    },
    atEnd: () => at >= bytes.length,
  }
}
