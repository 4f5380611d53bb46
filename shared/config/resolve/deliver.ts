/** What an entry's nodes get: each bearer token with its own audience and its own file. */
import { createHash } from 'node:crypto'
import { type Path, showPath } from '../read/places.ts'
import type { Bearer, ConfiguredBearer } from '../schema/deliver-schema.ts'
import { filePlace, hostName, portNumber } from '../schema/grammar.ts'
import type { Entry } from '../site.ts'
import type { EntryReader } from './entry-reader.ts'
import { fieldsUsed, fillIn } from './template.ts'

/** Renewals are looked for so often (milliseconds). */
export const renewalLookMs = 60_000

export interface ResolvedDelivery {
  readonly deliver: Entry['deliver']
  /** Where each of the bearer tokens stands in the file. */
  readonly bearersAt: readonly Path[]
}

export function resolveDelivery(reader: EntryReader): ResolvedDelivery {
  const { deliver } = reader.roleSection
  const found = deliver.flatMap((one, index) => {
    if (one === 'vault') return []
    const at: Path = [...reader.path, 'deliver', index, 'bearer']
    return oneForEach(one.bearer).map((audience) => ({
      at: one.bearer.path === undefined ? at : [...at, 'path'],
      bearer: resolveBearer(reader, one.bearer, audience, at),
    }))
  })
  return {
    deliver: { vault: deliver.includes('vault'), bearers: found.map(({ bearer }) => bearer) },
    bearersAt: found.map(({ at }) => at),
  }
}

/** The audiences of each token. */
function oneForEach({ each, audience, audiences }: ConfiguredBearer): string[][] {
  const all = [...audience, ...audiences]
  return each ? [...new Set(all)].map((one) => [one]) : [all]
}

function resolveBearer(
  reader: EntryReader,
  { scopes, minSeconds, purpose, newline, format, minimumLifetime, ...configured }: ConfiguredBearer,
  audience: string[],
  at: Path,
): Bearer {
  const neededMs = renewalLookMs + reader.file.timeouts.globalTimeout
  const path =
    configured.path === undefined
      ? undefined
      : resolvePath(reader, configured.path, { audience, purpose }, [...at, 'path'])
  return {
    ...{ scopes, audience },
    // What a consumer passes over has to be replaced before.
    minSeconds:
      minimumLifetime === undefined
        ? minSeconds
        : Math.max(minSeconds, Math.ceil((minimumLifetime + neededMs) / 1_000)),
    ...(purpose !== undefined && { purpose }),
    ...(path !== undefined && { path }),
    ...(newline === false && { newline }),
    ...(format === 'json' && { format }),
    ...(minimumLifetime !== undefined && { minimumLifetime }),
  }
}

/** The token's own fields filled in; the entry's stay, since the UID may come later. */
function resolvePath(
  reader: EntryReader,
  template: string,
  of: Pick<Bearer, 'audience' | 'purpose'>,
  at: Path,
): string {
  const values = fieldsOf(of)
  for (const name of fieldsUsed(template)) {
    const value = values[name]
    if (typeof value !== 'object') continue
    reader.refuse(at, `${showPath(at)}, for ${reader.name}, uses {{.${name}}}: ${value.lacks}`)
    return template
  }
  const path = fillIn(template, values as Readonly<Record<string, string>>)
  reader.render(path, at, filePlace, { ...reader.fields, DesiredUID: reader.fields.DesiredUID ?? 65534 })
  return path
}

interface Lack {
  readonly lacks: string
}

/** A token's fields for its path, each cleaned: none of them adds a directory. Pure. */
export function fieldsOf({
  audience,
  purpose,
}: Pick<Bearer, 'audience' | 'purpose'>): Readonly<Record<string, string | Lack>> {
  const [only] = audience
  if (only === undefined || audience.length > 1) {
    const lacks = {
      lacks: `the token has ${audience.length === 0 ? 'no audience' : `${audience.length} audiences`} — expected one, or each: true`,
    }
    return { ...{ Audience: lacks, AudienceHost: lacks, AudienceMd5: lacks }, ...purposeOf(purpose) }
  }
  const { host, port } = doorOf(only)
  const noHost = { lacks: `the audience ${only} names no host — expected host:port or a URL` }
  return {
    Audience: cleaned(only),
    AudienceHost: host === undefined ? noHost : cleaned(host),
    AudienceMd5:
      host === undefined
        ? noHost
        : port === undefined
          ? { lacks: `the audience ${only} names no port — expected host:port, as Harvester has it` }
          : createHash('md5').update(`${host}:${port}`).digest('hex'),
    ...purposeOf(purpose),
  }
}

const purposeOf = (purpose: string | undefined) => ({
  Purpose: purpose ?? { lacks: 'the token has no purpose — expected one' },
})

/** One name of a file or directory, whatever a URL holds. */
const cleaned = (text: string) => text.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^\.+$/, '_')

const usualPorts: Readonly<Record<string, string>> = { https: '443', http: '80' }

/** The host and port that an audience names, in its own spelling: `https://ce.example:9619/x`, `ce.example:9619`. */
function doorOf(audience: string): { readonly host?: string; readonly port?: string } {
  const [, scheme, host = '', port] =
    /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?([^:/]+)(?::([^/]*))?(?:\/.*)?$/.exec(audience) ?? []
  if (!hostName.safeParse(host).success) return {}
  if (port !== undefined && !portNumber.safeParse(port).success) return {}
  const known = port ?? (scheme && usualPorts[scheme.toLowerCase()])
  return { host, ...(known && { port: known }) }
}
