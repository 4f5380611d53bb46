/** A credential cache byte by byte, as kinit of MIT Kerberos writes it. */

const uint16 = (value: number) => Buffer.from([value >> 8, value & 0xff])
const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const data = (text: string) => Buffer.concat([uint32(text.length), Buffer.from(text)])

/** `parts` are what stands between the slashes. */
function principalBytes(parts: readonly string[], realm: string): Buffer {
  return Buffer.concat([uint32(1), uint32(parts.length), data(realm), ...parts.map(data)])
}

export interface CcacheContent {
  readonly client: readonly string[]
  readonly realm: string
  /** Service tickets in the order of the file: the parts of their principals, and their ends (seconds since the epoch). */
  readonly tickets: readonly { readonly server: readonly string[]; readonly end: number }[]
}

export function ccacheBytes({ client, realm, tickets }: CcacheContent): Buffer {
  const header = Buffer.concat([uint16(1), uint16(8), uint32(0), uint32(0)])
  const ticketBytes = tickets.map(({ server, end }) =>
    Buffer.concat([
      ...[principalBytes(client, realm), principalBytes(server, realm)],
      ...[uint16(18), data('a key of thirty-two bytes, or so')],
      ...[uint32(end - 600), uint32(end - 600), uint32(end), uint32(0)],
      ...[Buffer.from([0]), uint32(0)],
      ...[uint32(1), uint16(2), data('addr'), uint32(1), uint16(1), data('auth')],
      ...[data('the ticket'), data('')],
    ]),
  )
  return Buffer.concat([
    ...[uint16(0x0504), uint16(header.length), header],
    principalBytes(client, realm),
    ...ticketBytes,
  ])
}
