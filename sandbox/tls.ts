/** The sandbox's own certificate authority, and the certificate that Vault and FERRY show. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Layout } from './layout.ts'

const run = promisify(execFile)

/** PEM texts; the certificate is for `localhost`. */
export interface Tls {
  readonly key: string
  readonly cert: string
  readonly ca: string
}

const newCertificate = [
  'req',
  '-x509',
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-days',
  '30',
]

/** Makes both with `openssl`: the authority is `vault/ca.pem`, as the configuration's `caPath` says. */
export async function makeTls(layout: Layout): Promise<Tls> {
  const inVault = (name: string) => join(layout.vault, name)
  const files = { caKey: inVault('ca-key.pem'), key: inVault('key.pem'), cert: inVault('cert.pem') }
  await run('openssl', [
    ...newCertificate,
    ...['-subj', '/CN=Sandbox authority', '-keyout', files.caKey, '-out', layout.vaultCa],
  ])
  await run('openssl', [
    ...newCertificate,
    ...['-CA', layout.vaultCa, '-CAkey', files.caKey, '-subj', '/CN=localhost'],
    ...[
      '-addext',
      'subjectAltName=DNS:localhost,IP:127.0.0.1',
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    ],
    ...['-keyout', files.key, '-out', files.cert],
  ])
  const read = (file: string) => readFileSync(file, 'utf8')
  return { key: read(files.key), cert: read(files.cert), ca: read(layout.vaultCa) }
}
