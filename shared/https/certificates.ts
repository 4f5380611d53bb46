/** Certificates of authorities in files: one that cannot be used is left out and told, and costs none of the others. */
import { X509Certificate } from 'node:crypto'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'

export interface Problem {
  readonly file: string
  /** A predicate: `has expired on …`. */
  readonly why: string
}

/** PEM texts, and the files that gave none or not all of theirs. */
export interface Certificates {
  readonly certificates: readonly string[]
  readonly problems: readonly Problem[]
}

/** Never throws. */
export async function readFileOfCertificates(file: string): Promise<Certificates> {
  try {
    // Also keeps off pipes, which would never end.
    if (!(await stat(file)).isFile()) return withProblem(file, 'is no file')
    return parseCertificates(file, await readFile(file, 'latin1'))
  } catch (error) {
    return withProblem(file, whyNot(error))
  }
}

/** The links by hash that OpenSSL looks for, which grids and systems make. */
const hashLink = /^[0-9a-f]{8}\.\d+$/
const isCertificate = (name: string) => hashLink.test(name) || /\.(pem|crt|cer)$/.test(name)

/** All files and links by hash in a directory, each file once. Never throws. */
export async function readDirectoryOfCertificates(directory: string): Promise<Certificates> {
  try {
    const names = (await readdir(directory)).filter(isCertificate).toSorted()
    // Links mostly lead to files beside them; one that leads nowhere stands for itself.
    const files = await Promise.all(
      names.map((name) => realpath(join(directory, name)).catch(() => join(directory, name))),
    )
    return joinCertificates(await Promise.all([...new Set(files)].map(readFileOfCertificates)))
  } catch (error) {
    return withProblem(directory, whyNot(error))
  }
}

/** Whether OpenSSL's programs, htgettoken among them, find something in this directory; a file needs no links. */
export async function hasHashLinks(path: string): Promise<boolean> {
  const names = await readdir(path).catch(() => undefined)
  return names?.some((name) => hashLink.test(name)) ?? true
}

/** The texts of a file in PEM form. Pure. */
export function parseCertificates(file: string, text: string, now = Date.now()): Certificates {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const ends = blocks.map(endOf)
  const certificates = blocks
    .filter((_, index) => (ends[index] ?? Number.NaN) > now)
    .map((block) => block.replaceAll('\r', ''))
  const unreadable = ends.filter((end) => Number.isNaN(end)).length
  if (blocks.length === 0) return withProblem(file, 'holds no certificate in PEM form')
  if (unreadable === blocks.length) return withProblem(file, 'cannot be read as a certificate')
  if (unreadable > 0) {
    const why = `holds ${unreadable} of ${blocks.length} certificates that cannot be read`
    return { certificates, problems: [{ file, why }] }
  }
  // A system's bundle may well hold some that are over; one that is alone in its file is told.
  if (certificates.length > 0) return { certificates, problems: [] }
  const last = new Date(Math.max(...ends)).toISOString().slice(0, 10)
  return withProblem(file, `has expired on ${last}`)
}

/** When a certificate ends (milliseconds since the epoch); NaN where it cannot be read. */
function endOf(pem: string): number {
  try {
    return Date.parse(new X509Certificate(pem).validTo)
  } catch {
    return Number.NaN
  }
}

/** All of them, each certificate once. Pure. */
export function joinCertificates(parts: readonly Certificates[]): Certificates {
  return {
    certificates: [...new Set(parts.flatMap(({ certificates }) => certificates))],
    problems: parts.flatMap(({ problems }) => problems),
  }
}

export const withProblem = (file: string, why: string): Certificates => ({
  certificates: [],
  problems: [{ file, why }],
})

const words: Readonly<Record<string, string>> = {
  ENOENT: 'is not there, or a link that leads nowhere',
  EACCES: 'cannot be read by this user',
  EPERM: 'cannot be read by this user',
  ELOOP: 'is a link to itself',
}

/** Why a file or directory cannot be read. */
function whyNot(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  return words[code] ?? `cannot be read (${code || message})`
}
