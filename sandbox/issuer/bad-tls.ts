/** Certificates for the fault `iam-tls`: of an authority that nobody knows, or over since yesterday. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { layoutOf } from '../layout.ts'
import { makeUntrustedTls } from '../vault/untrusted-tls.ts'

/** Key and certificate (PEM), made once per sandbox. */
export function makeBadTls(dir: string, kind: string): { key: string; cert: string } {
  if (kind !== 'expired') return makeUntrustedTls(dir)
  const { vault, vaultCa } = layoutOf(dir)
  const inVault = (name: string) => join(vault, name)
  const [key, cert] = [inVault('expired-key.pem'), inVault('expired-cert.pem')]
  if (!existsSync(cert)) {
    const [request, names] = [inVault('expired.csr'), inVault('expired.ext')]
    const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'ignore' })
    writeFileSync(names, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    openssl('req', '-new', ...newKey, '-subj', '/CN=localhost', '-keyout', key, '-out', request)
    const signing = ['-CA', vaultCa, '-CAkey', inVault('ca-key.pem'), '-CAcreateserial', '-days', '-1']
    openssl('x509', '-req', '-in', request, ...signing, '-extfile', names, '-out', cert)
  }
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}
