/** A word that is empty is a shell variable that was not set: refused, since without it a command would do more than was asked. */
import type { Command } from 'commander'
import { UsageError } from '../terminal/errors.ts'

/** Throws UsageError that names the option or argument of `command` whose value is empty or blank. */
export function refuseEmpty(
  command: Pick<Command, 'options' | 'registeredArguments' | 'opts' | 'args'>,
): void {
  const values: Readonly<Record<string, unknown>> = command.opts()
  const given = [
    ...command.options.map((option) => ({ name: option.flags, value: values[option.attributeName()] })),
    ...command.registeredArguments.map((one, index) => ({ name: one.name(), value: command.args[index] })),
  ]
  const empty = given.find(({ value }) =>
    [value].flat().some((one) => typeof one === 'string' && !one.trim()),
  )
  if (empty)
    throw new UsageError(
      `${empty.name} is given, but empty: is a shell variable not set? Name one, or leave it out.`,
    )
}
