/** Authorities and certificates made with openssl, for any names. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

const openssl = (...words: string[]) => execFileSync('openssl', words, { encoding: 'utf8', stdio: 'pipe' })

/** `NAME.pem`, with `NAME-key.pem` beside it. */
export function makeAuthority(directory: string, name: string): string {
  const [file, key] = [join(directory, `${name}.pem`), join(directory, `${name}-key.pem`)]
  openssl('req', '-x509', ...newKey, '-days', '30', '-subj', `/CN=${name}`, '-keyout', key, '-out', file)
  return file
}

/** PEM text of one that was over yesterday. */
export function makeExpired(directory: string): string {
  const [key, request, file] = ['key', 'request', 'pem'].map((end) => join(directory, `expired.${end}`))
  openssl('req', '-new', ...newKey, '-subj', '/CN=expired', '-keyout', `${key}`, '-out', `${request}`)
  openssl('x509', '-req', '-in', `${request}`, '-signkey', `${key}`, '-days', '-1', '-out', `${file}`)
  return readFileSync(`${file}`, 'utf8')
}

/** The same in DER. */
export const toDer = (file: string, out: string) =>
  void openssl('x509', '-in', file, '-outform', 'DER', '-out', out)

/** The name under which OpenSSL looks for an authority in a directory. */
export const hashLinkOf = (file: string) => `${openssl('x509', '-hash', '-noout', '-in', file).trim()}.0`

/** Key and certificate (PEM) of a server with these names (`DNS:…,IP:…`), signed by an authority of {@link makeAuthority}. */
export function makeServerCertificate(authority: string, names: string): { key: string; cert: string } {
  const base = authority.replace(/\.pem$/, '')
  const [key, file] = [`${base}-server-key.pem`, `${base}-server.pem`]
  openssl(
    ...['req', '-x509', ...newKey, '-days', '30', '-CA', authority, '-CAkey', `${base}-key.pem`],
    ...['-subj', '/CN=server', '-addext', `subjectAltName=${names}`],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-keyout', key, '-out', file],
  )
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(file, 'utf8') }
}
