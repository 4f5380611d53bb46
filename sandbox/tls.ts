/** The sandbox's own certificate authority, and the certificate that Vault and FERRY show. */
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
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

/**
 * Makes both with `openssl`. The authority is `vault/ca.pem`, and in `certificates/` under the hash of its name, as a
 * grid host has its authorities: htgettoken's `--capath` finds it in no other way.
 */
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
  const { stdout } = await run('openssl', ['x509', '-hash', '-noout', '-in', layout.vaultCa])
  mkdirSync(layout.certificates)
  copyFileSync(layout.vaultCa, join(layout.certificates, `${stdout.trim()}.0`))
  const read = (file: string) => readFileSync(file, 'utf8')
  return { key: read(files.key), cert: read(files.cert), ca: read(layout.vaultCa) }
}
