/** Reads one role against the rest of the file: override before global before default, noting origins and refusals on the way. */

import type { Folded } from '../read/fold.ts'
import { type Finding, type Path, showPath } from '../read/places.ts'
import type { ExperimentSection, RoleSection } from '../schema/experiment-schema.ts'
import type { SiteFile } from '../schema/schema.ts'
import type { Entry } from '../site.ts'
import type { Origin } from './origin.ts'
import { fieldsUsed, renderTemplate, type TemplateFields, templateFields } from './template.ts'

export interface ResolveInput {
  readonly file: SiteFile
  readonly folded: Folded
  isRefused(path: Path): boolean
}

/** A role as the file has it. */
export interface ConfiguredRole {
  readonly experiment: string
  readonly section: ExperimentSection
  readonly role: string
  readonly roleSection: RoleSection
}

export type OverrideKey = Extract<keyof RoleSection, `${string}Override`>
interface Grammar {
  safeParse(
    text: string,
  ): { success: true } | { success: false; error: { issues: readonly { message: string }[] } }
}

export interface EntryReader extends ConfiguredRole {
  readonly file: SiteFile
  readonly name: string
  readonly realExperiment: string
  readonly service: string
  readonly path: Path
  readonly fields: TemplateFields
  readonly origins: Map<keyof Entry, Origin>
  readonly findings: Finding[]
  /** The override's value, else the global one (which may be the schema's default). */
  choose<O extends OverrideKey, G extends keyof SiteFile>(
    into: keyof Entry,
    override: O,
    global: G,
  ): NonNullable<RoleSection[O]> | SiteFile[G]
  /** The value of an override that no global key stands for. */
  own<O extends OverrideKey>(into: keyof Entry, override: O): RoleSection[O]
  /** The path of whichever key `choose` takes. */
  chosenPath(override: OverrideKey, global: string): Path
  /** Notes that a value was written at `path`, or else is a default. */
  note(into: keyof Entry, source: Origin['source'], path: Path): void
  /** Renders a template and holds the result against a grammar; refuses it where it stands. */
  render(template: string, at: Path, grammar: Grammar, fields?: TemplateFields): string
  refuse(at: Path, message: string): void
  /** Says it, and refuses nothing. */
  warn(at: Path, message: string): void
  /** Refuses the whole role for want of a value, unless one was given and refused already. */
  lack(message: string, wouldDo: readonly Path[]): ''
  /** Is everything there? */
  isComplete(): boolean
}

/** Opens a role. Nothing is thrown: what is wrong ends up in `findings`. */
export function readEntry(
  { file, folded, isRefused }: ResolveInput,
  configured: ConfiguredRole,
): EntryReader {
  const { experiment, section, role, roleSection } = configured
  const path: Path = ['experiments', experiment, 'roles', role]
  const name = `${experiment}_${role}`
  const realExperiment = section.experimentOverride ?? experiment
  const service = `${realExperiment}_${role}`
  const { account, desiredUIDOverride: desiredUid } = roleSection
  const fields = templateFields({
    account,
    realExperiment,
    role,
    service,
    ...(desiredUid === undefined ? {} : { desiredUid }),
  })
  const origins = new Map<keyof Entry, Origin>()
  const findings: Finding[] = []
  let complete = true

  const report = (place: { line: number; column: number }, at: Path, message: string) => {
    complete = false
    findings.push({ severity: 'error', line: place.line, column: place.column, path: showPath(at), message })
  }
  const refuse = (at: Path, message: string) => report(folded.valuePlace(at), at, message)
  const note = (into: keyof Entry, source: Origin['source'], at: Path) => {
    origins.set(
      into,
      folded.isWritten(at) ? { source, key: showPath(at), ...folded.keyPlace(at) } : { source: 'default' },
    )
  }

  const own = <O extends OverrideKey>(into: keyof Entry, override: O) => {
    const value = roleSection[override]
    note(into, 'override', value === undefined ? [] : [...path, override])
    return value
  }

  return {
    ...configured,
    ...{ file, name, realExperiment, service, path, fields, origins, findings, note, refuse },
    warn: (at, message) =>
      findings.push({ severity: 'warning', ...folded.valuePlace(at), path: showPath(at), message }),
    isComplete: () => complete,
    own,
    choose(into, override, global) {
      const value = own(into, override)
      if (value === undefined) note(into, 'global', [global])
      return value ?? file[global]
    },
    chosenPath: (override, global) => (roleSection[override] === undefined ? [global] : [...path, override]),
    render(template, at, grammar, given = fields) {
      if (given.DesiredUID === undefined && fieldsUsed(template).includes('DesiredUID')) {
        refuse(
          at,
          `${showPath(at)} uses {{.DesiredUID}}, which is not known yet when ${name} needs it — expected desiredUIDOverride in that role, or another field`,
        )
        return ''
      }
      const text = renderTemplate(template, given)
      const checked = grammar.safeParse(text)
      if (!checked.success) refuse(at, `${showPath(at)}, for ${name}: ${checked.error.issues[0]?.message}`)
      return text
    },
    lack(message, wouldDo) {
      complete = false
      if (!wouldDo.some((at) => isRefused(at))) report(folded.keyPlace(path), path, message)
      return ''
    },
  }
}
