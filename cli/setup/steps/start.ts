/** Start: the bus and the daemons, now and with the machine, once there is a configuration that they take. */
import { daemons } from '../../../shared/contracts/subjects.ts'
import { findConfiguration } from '../configuration.ts'
import type { Machine } from '../machine.ts'
import { bus, credentials, tls } from '../places.ts'
import { problem, type Step, todo, type Verdict, yours } from '../step.ts'
import type { Wish } from '../wish.ts'
import { lacking } from './configure.ts'
import { hasSystemd } from './units.ts'

const target = 'managed-tokens.target'
const natsServer = 'nats-server'

export const startSteps = (wish: Wish): Step[] => [
  {
    about: 'start',
    look(machine) {
      const says = wish.isBusHere ? 'the bus and the four daemons' : 'the daemons'
      const reason = notYet(machine, wish)
      if (reason) return reason
      if (wish.isBusHere && machine.ask(natsServer, '--version') === undefined)
        return problem(
          'nats-server is not installed',
          'install it (2.12.9 or newer from https://github.com/nats-io/nats-server/releases, or your system’s package), then run setup again',
        )
      const script = [...(wish.isBusHere ? startBus(machine) : []), ...startDaemons(machine, wish)]
      if (hasSystemd(machine)) return todo(script, says)
      return yours('systemd does not run here', `once it does: ${script.join('; ')}`)
    },
  },
]

/** Daemons do not start with a configuration that they refuse, nor without the seeds they are handed. */
function notYet(machine: Machine, wish: Wish): Verdict | undefined {
  const found = findConfiguration(machine)
  if (!found?.site)
    return yours(
      'the configuration names no services yet, or is refused',
      `${found?.problems[0] ?? 'write it'}; "managed-tokens config check" says all of it. Then run setup again`,
    )
  // What setup adds itself is there by then.
  if (lacking(wish).look(machine).state === 'yours')
    return yours(`${found.file} lacks keys`, 'add those that are shown above, then run setup again')
  return undefined
}

/** Nothing is asked where nobody would answer. */
const answer = (machine: Machine, ...words: string[]) =>
  hasSystemd(machine) ? (machine.ask('systemctl', ...words) ?? '').trim().split('\n') : []

const isEnabled = (machine: Machine, unit: string) => answer(machine, 'is-enabled', unit)[0] === 'enabled'
const areActive = (machine: Machine, ...names: string[]) => {
  const states = answer(machine, 'is-active', ...names)
  return states.length === names.length && states.every((one) => one === 'active')
}

function startBus(machine: Machine): string[] {
  return [
    ...(isEnabled(machine, natsServer) ? [] : [`systemctl enable ${natsServer}`]),
    ...(areActive(machine, natsServer) && !isOlder(machine) ? [] : [`systemctl restart ${natsServer}`]),
  ]
}

/** It reads its files when it starts. */
function isOlder(machine: Machine): boolean {
  const [started = ''] = answer(
    machine,
    'show',
    '--property=ActiveEnterTimestamp',
    '--value',
    '--timestamp=unix',
    natsServer,
  )
  const since = Number(started.replace('@', ''))
  const files = [bus.conf, bus.permissions, bus.keys, tls.certificate, tls.key]
  return files.some((file) => Math.floor((machine.stat(file)?.changedMs ?? 0) / 1_000) > since)
}

/** Those whose seeds are here: a machine may have some of them only. */
function startDaemons(machine: Machine, { isBusHere }: Wish): string[] {
  const here = isBusHere ? daemons : daemons.filter((one) => machine.stat(`${credentials}/${one}/nats.nk`))
  const wanted = here.length === daemons.length ? [target] : here.map((one) => `managed-tokens@${one}`)
  const services = here.map((one) => `managed-tokens@${one}`)
  const isUp = areActive(machine, ...services) && wanted.every((unit) => isEnabled(machine, unit))
  return isUp ? [] : wanted.map((unit) => `systemctl enable --now ${unit}`)
}
