/** A person's browser, as far as a login needs one. */
import { readFileSync } from 'node:fs'
import { request } from 'node:https'

/** Opening the page is the login. */
export async function openInBrowser(url: string, ca: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  request(url, { ca: readFileSync(ca), agent: false }, (answer) => {
    answer.resume()
    answer.once('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error('no such login'))))
  })
    .once('error', reject)
    .end()
  return promise
}
