/** Cuts a long answer into pages by the size of what is in them: an answer has to fit into one NATS message. Pure. */

/** Half of nats-server's usual `max_payload`, so that what stands around the page fits as well (bytes of JSON). */
const mostBytes = 512 * 1024

const sizeInJson = (item: unknown) => Buffer.byteLength(JSON.stringify(item))

/** The items in order, as few pages as hold them; one empty page for none. An item larger than a page has one to itself. */
export function cutIntoPages<T>(
  items: readonly T[],
  most: number = mostBytes,
  sizeOf: (item: T) => number = sizeInJson,
): readonly (readonly T[])[] {
  const pages: T[][] = [[]]
  let bytes = 0
  for (const item of items) {
    const size = sizeOf(item) + 1
    if (bytes > 0 && bytes + size > most) {
      pages.push([])
      bytes = 0
    }
    pages.at(-1)?.push(item)
    bytes += size
  }
  return pages
}
