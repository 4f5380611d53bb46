/** Opening connections just to see what is there. */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { request } from 'node:https'
import { connect } from 'node:net'
import { environment } from '../../shared/config/environment.ts'
import { readCertificates } from '../../shared/https.ts'

/** Where grid sites have their authorities, and htgettoken looks by itself. */
const gridAuthorities = '/etc/grid-security/certificates'

/** Connects, and reads the first line where the server speaks first. Throws what the network says. */
export async function openTcp(
  host: string,
  port: number,
  signal: AbortSignal,
  speaksFirst = false,
): Promise<string> {
  const socket = connect({ host, port })
  const giveUp = () => void socket.destroy(new Error('no answer'))
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    await once(socket, 'connect')
    if (!speaksFirst) return ''
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    return chunk.toString('latin1').split(/\r?\n/)[0] ?? ''
  } finally {
    signal.removeEventListener('abort', giveUp)
    socket.destroy()
  }
}

/** Asks a server by HTTPS; any status will do. Returns its clock's time when it tells it. Throws what the network or TLS says. */
export async function askHttps(
  url: URL,
  caPath: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly date: Date | undefined }> {
  const fallback = existsSync(gridAuthorities) ? gridAuthorities : undefined
  const ca = await readCertificates(caPath ?? environment.X509_CERT_DIR ?? fallback)
  const { promise, resolve, reject } = Promise.withResolvers<{ date: Date | undefined }>()
  const asked = request(url, { signal, agent: false, ...(ca ? { ca } : {}) }, (answer) => {
    answer.resume()
    const { date } = answer.headers
    resolve({ date: date && !Number.isNaN(Date.parse(date)) ? new Date(date) : undefined })
  })
  asked.on('error', reject)
  asked.end()
  return promise
}
