/**
 * Whom we trust when we speak TLS, the same for all our questions, and the same as htgettoken: the system's bundle together
 * with the grid's authorities.
 */
import { stat } from 'node:fs/promises'
import { getCACertificates, rootCertificates } from 'node:tls'
import { type Environment, environment } from '../config/environment.ts'
import {
  type Certificates,
  joinCertificates,
  type Problem,
  readDirectoryOfCertificates,
  readFileOfCertificates,
} from './certificates.ts'

/** Where systems keep what they trust. */
export interface TrustPlaces {
  /** The first that is there counts. */
  readonly bundles: readonly string[]
  readonly grid: string
}

export const usualPlaces: TrustPlaces = {
  bundles: [
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/pki/tls/certs/ca-bundle.crt',
    '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
    '/etc/ssl/ca-bundle.pem',
    '/etc/ssl/cert.pem',
  ],
  grid: '/etc/grid-security/certificates',
}

/** Reading a grid's hundreds of authorities for every question would cost more than asking it (milliseconds). */
const keptMs = 60_000
const kept = new Map<string, { readonly until: number; readonly trust: Promise<Certificates> }>()

/** What is trusted now, with the configured `caPath` (a file or a directory) where there is one; read once a minute. Never throws. */
export function currentTrust(caPath: string | undefined): Promise<Certificates> {
  const known = kept.get(caPath ?? '')
  if (known && known.until > performance.now()) return known.trust
  const trust = readTrust(caPath).then((read) => keepIfSame(known?.trust, read))
  kept.set(caPath ?? '', { until: performance.now() + keptMs, trust })
  return trust
}

/** Connections belong to the object that they were made for, and outlive a reading that found nothing new. */
async function keepIfSame(
  before: Promise<Certificates> | undefined,
  now: Certificates,
): Promise<Certificates> {
  for (const problem of now.problems) tellOnce(problem)
  const old = await before
  const isSame =
    old?.certificates.length === now.certificates.length &&
    old.certificates.every((one, index) => one === now.certificates[index])
  return isSame ? old : now
}

const told = new Set<string>()
let tell: ((problem: Problem) => void) | undefined

/** From now on each file that cannot be used is told once. */
export function onTrustProblem(listener: (problem: Problem) => void): void {
  told.clear()
  tell = listener
}

function tellOnce(problem: Problem): void {
  const key = `${problem.file} ${problem.why}`
  if (!tell || told.has(key)) return
  told.add(key)
  tell(problem)
}

/**
 * Reads it all. A configured directory takes the place of the grid's, as htgettoken's `--capath` does; a configured file
 * comes to the rest. The system's bundle is trusted in any case.
 */
export async function readTrust(
  caPath: string | undefined,
  variables: Environment = environment,
  places: TrustPlaces = usualPlaces,
): Promise<Certificates> {
  const isDirectory = caPath !== undefined && ((await kindOf(caPath)) ?? 'file') === 'directory'
  const parts = await Promise.all([
    readBundle(variables.SSL_CERT_FILE, places.bundles),
    { certificates: getCACertificates('extra'), problems: [] },
    ...(variables.SSL_CERT_DIR ?? '').split(':').filter(Boolean).map(readDirectoryOfCertificates),
    readGrid(isDirectory ? caPath : variables.X509_CERT_DIR, places.grid),
    ...(caPath === undefined || isDirectory ? [] : [readFileOfCertificates(caPath)]),
  ])
  return joinCertificates(parts)
}

/** The system's bundle; where a system has none, the list that comes with Node. */
async function readBundle(named: string | undefined, usual: readonly string[]): Promise<Certificates> {
  const isThere = async (file: string) => (await kindOf(file)) === 'file'
  const own = named === undefined ? undefined : await readFileOfCertificates(named)
  if (own && own.certificates.length > 0) return own
  for (const file of usual)
    if (await isThere(file))
      return joinCertificates([...(own ? [own] : []), await readFileOfCertificates(file)])
  return { certificates: rootCertificates, problems: own?.problems ?? [] }
}

/** A named directory has to be there; the usual one need not. */
async function readGrid(named: string | undefined, usual: string): Promise<Certificates> {
  if (named !== undefined) return readDirectoryOfCertificates(named)
  return (await kindOf(usual)) === 'directory' ? readDirectoryOfCertificates(usual) : joinCertificates([])
}

async function kindOf(path: string): Promise<'file' | 'directory' | undefined> {
  const stats = await stat(path).catch(() => undefined)
  return stats && (stats.isDirectory() ? 'directory' : 'file')
}
