/** The certificate by which daemons know the bus, and an authority for it where the site brings neither. */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { findUser } from '../account.ts'
import type { Machine } from '../machine.ts'
import { authority, group, tls } from '../places.ts'
import { kept, type Step, todo, type Verdict, yours } from '../step.ts'
import type { Wish } from '../wish.ts'

/** The user of Debian's package, and of the unit. */
const natsUser = 'nats'

export function certificateSteps(wish: Wish): Step[] {
  return wish.isBusHere ? [natsAccount, ownAuthority, certificate(wish), trusted] : []
}

const natsAccount: Step = {
  about: 'bus user',
  look: (machine) =>
    todo(
      findUser(machine, natsUser)
        ? []
        : [`useradd --system --user-group --no-create-home --shell /usr/sbin/nologin ${natsUser}`],
      `the user ${natsUser}`,
    ),
}

/** A site's own certificate is there: its authority is the site's business. */
const isSites = (machine: Machine) =>
  machine.stat(tls.certificate) !== undefined && machine.stat(tls.authority) === undefined

/** Whether clients are told whom to trust: not where the system trusts the bus anyway. */
export const hasAuthority = (machine: Machine) => machine.stat(authority) !== undefined || !isSites(machine)

const ownAuthority: Step = {
  about: 'authority',
  look(machine) {
    if (isSites(machine)) return kept('none: the certificate of the bus is one of the site’s own')
    return todo(
      [
        ...newKey(machine, tls.authorityKey, 'root'),
        ...(machine.stat(tls.authority)
          ? []
          : [
              `put root root 0644 ${tls.authority} openssl req -x509 -days 3650 -key ${tls.authorityKey} -subj '/CN=Managed Tokens bus'`,
            ]),
      ],
      `${tls.authority}, an authority for the bus alone`,
    )
  },
}

/** It appears whole, with nobody's eyes on it before. One that is there is never made again. */
function newKey(machine: Machine, file: string, owner: string): string[] {
  if (machine.stat(file)) return []
  return [
    `put ${owner} root 0600 ${file} openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256`,
  ]
}

const by = `-CA ${tls.authority} -CAkey ${tls.authorityKey}`

const certificate = ({ host }: Wish): Step => ({
  about: 'certificate',
  look(machine): Verdict {
    const says = `${tls.certificate}, the certificate of the bus`
    const text = machine.read(tls.certificate)
    if (text !== undefined) return judge(text, host, says)
    return todo(
      [
        ...newKey(machine, tls.key, natsUser),
        `put root root 0644 ${tls.certificate} openssl req -x509 -days 825 -key ${tls.key} ${by} -subj '/CN=${host}' -addext 'subjectAltName=${isIP(host) ? 'IP' : 'DNS'}:${host}' -addext 'basicConstraints=critical,CA:FALSE'`,
      ],
      `${says}, for ${host}`,
    )
  },
})

const soonMs = 30 * 86_400_000

function judge(text: string, host: string, says: string): Verdict {
  const again = `where setup made it, remove ${tls.certificate} and run setup again; otherwise bring another one`
  const found = readCertificate(text)
  if (!found) return yours(`${tls.certificate} is no certificate`, again)
  const isFor = isIP(host) ? found.checkIP(host) : found.checkHost(host)
  if (!isFor)
    return yours(
      `${tls.certificate} is not for ${host}, by which daemons reach the bus`,
      `${again}; or give --host`,
    )
  if (found.validToDate.getTime() - Date.now() < soonMs)
    return yours(`${tls.certificate} is good until ${found.validToDate.toISOString().slice(0, 10)}`, again)
  return kept(says)
}

function readCertificate(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text)
  } catch {
    return undefined
  }
}

const trusted: Step = {
  about: 'trust',
  look(machine) {
    const says = `${authority}, whom clients of the bus trust`
    if (machine.stat(authority)) return kept(says)
    if (isSites(machine)) return kept('the bus’s certificate is of an authority that the system trusts')
    return todo([`put root ${group} 0640 ${authority} cat ${tls.authority}`], says)
  },
}
