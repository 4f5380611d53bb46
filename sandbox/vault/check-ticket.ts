/** Real Kerberos: tickets are checked against the service's keytab by GSSAPI, in one small process that lives as long as the server. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface TicketChecker {
  /** The principal that a SPNEGO token (base64) proves. Rejects with GSSAPI's words when it proves none. */
  check(token: string): Promise<string>
  close(): Promise<void>
}

/** Starts the process. `rcacheFile` remembers authenticators, so that none is taken twice. */
export function startTicketChecker(paths: {
  keytab: string
  krb5Config: string
  rcacheFile: string
}): TicketChecker {
  const helper = new URL('./accept-spnego.py', import.meta.url).pathname
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '/usr/bin/python3', '-I', helper], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      KRB5_KTNAME: paths.keytab,
      KRB5_CONFIG: paths.krb5Config,
      KRB5RCACHENAME: `file2:${paths.rcacheFile}`,
    },
  })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const waiting: PromiseWithResolvers<string>[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as { principal?: string; error?: string }
    const next = waiting.shift()
    if (answer.principal) next?.resolve(answer.principal)
    else next?.reject(new Error(answer.error ?? 'no answer'))
  })
  const giveUp = (why: string) => {
    for (const next of waiting.splice(0)) next.reject(new Error(why))
  }
  child.once('error', (error) => giveUp(`cannot start the ticket checker: ${error.message}`))
  child.once('close', () => giveUp('the ticket checker has ended; is python3-gssapi installed?'))
  child.stdin.on('error', () => {})

  return {
    check(token) {
      const next = Promise.withResolvers<string>()
      if (child.exitCode !== null || child.signalCode !== null || !child.stdin.writable) {
        return Promise.reject(new Error('the ticket checker has ended; is python3-gssapi installed?'))
      }
      waiting.push(next)
      child.stdin.write(`${token.replaceAll(/\s/g, '')}\n`)
      return next.promise
    },
    async close() {
      child.stdin.end()
      child.kill('SIGKILL')
      await exited
    },
  }
}
