/** A certificate that nobody trusts, for the fault `vault-tls`. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Key and certificate (PEM), made once per sandbox, signed by nobody. */
export function makeUntrustedTls(dir: string): { key: string; cert: string } {
  const key = join(dir, 'vault', 'untrusted-key.pem')
  const cert = join(dir, 'vault', 'untrusted-cert.pem')
  if (!existsSync(cert)) {
    const words = [
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
    execFileSync('openssl', [...words, '-subj', '/CN=localhost', '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    })
  }
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}
