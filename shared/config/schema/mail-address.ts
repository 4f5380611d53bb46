/** Mail addresses as people write them, with a name in front or not: `DUNE Ops <dune-ops@example.org>`. */
import addressparser from 'nodemailer/lib/addressparser'

export interface NamedAddress {
  /** Empty where there is none. */
  readonly name: string
  readonly address: string
}

/** The addresses in one text; undefined where it cannot be told which ones are meant. Pure. */
export function parseAddresses(text: string): readonly NamedAddress[] | undefined {
  if (!/[<"(]/.test(text))
    return text
      .split(/[\s,;]+/)
      .filter(Boolean)
      .map((address) => ({ name: '', address }))
  const unquoted = text.replace(/"(?:[^"\\]|\\.){0,1000}"/g, '')
  const [opened, closed] = [unquoted.split('<').length - 1, unquoted.split('>').length - 1]
  const found = addressparser(text)
  // The parser forgives much, and would lose the second address of `A <a@b> <c@d>`.
  if (opened !== closed || opened > found.length) return undefined
  const addresses = found.flatMap((one) => ('group' in one || one.address === '' ? [] : [one]))
  return addresses.length === found.length ? addresses : undefined
}

/** The only address in the text; undefined where there is none, or more than one. Pure. */
export function parseAddress(text: string): NamedAddress | undefined {
  const found = parseAddresses(text) ?? []
  return found.length === 1 ? found[0] : undefined
}
