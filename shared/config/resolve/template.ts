/** The predecessor's Go templates, as far as its files use them: `{{.Field}}`, checked when the file is loaded. */

/** What a template may name. */
export interface TemplateFields {
  readonly Account: string
  /** Absent until FERRY or `desiredUIDOverride` has told it. */
  readonly DesiredUID?: number | string
  /** The experiment the token issuer knows, also where `experimentOverride` is set. */
  readonly Experiment: string
  readonly Role: string
  readonly Service: string
}

export const templateFieldNames = ['Account', 'DesiredUID', 'Experiment', 'Role', 'Service'] as const

/** What a bearer token's path may name besides. */
export const bearerFieldNames = [
  ...templateFieldNames,
  ...(['Purpose', 'Audience', 'AudienceHost', 'AudienceMd5'] as const),
] as const

const action = /\{\{(.{0,200}?)\}\}/gs
const field = /^-?\s*\.([A-Za-z]\w*)\s*-?$/

/** The fields an entry gives to its templates. `desiredUid` overrides the configured one (it may come from FERRY). */
export function templateFields(
  entry: { account: string; realExperiment: string; role: string; service: string; desiredUid?: number },
  desiredUid: number | undefined = entry.desiredUid,
): TemplateFields {
  return {
    Account: entry.account,
    ...(desiredUid === undefined ? {} : { DesiredUID: desiredUid }),
    Experiment: entry.realExperiment,
    Role: entry.role,
    Service: entry.service,
  }
}

/** What is wrong with a template, one sentence each; empty when it can be rendered from `known` fields. */
export function templateProblems(template: string, known: readonly string[] = templateFieldNames): string[] {
  const problems: string[] = []
  const rest = template.replace(action, (whole, inner: string) => {
    const name = field.exec(inner)?.[1]
    const fields = known.map((one) => `{{.${one}}}`).join(' ')
    if (name === undefined)
      problems.push(`${JSON.stringify(whole)} is not a field: only ${fields} can stand here`)
    else if (!known.includes(name)) problems.push(`unknown field {{.${name}}}: only ${fields} can stand here`)
    return ''
  })
  if (/\{\{|\}\}/.test(rest)) problems.push('"{{" and "}}" have to come in pairs')
  return problems
}

/** The names of the fields a template uses. */
export function fieldsUsed(template: string): string[] {
  return [...template.matchAll(action)].flatMap(([, inner]) => field.exec(inner ?? '')?.[1] ?? [])
}

/** The template with these fields filled in, and all others as they stand. */
export const fillIn = (template: string, values: Readonly<Record<string, string | undefined>>): string =>
  template.replace(action, (whole, inner: string) => values[field.exec(inner)?.[1] ?? ''] ?? whole)

/** The template with its fields filled in. Throws when a field is unknown or has no value: loading the file has checked the first. */
export function renderTemplate(template: string, fields: TemplateFields): string {
  return template.replace(action, (whole, inner: string) => {
    const name = field.exec(inner)?.[1]
    const value = templateFieldNames.some((known) => known === name)
      ? fields[name as keyof TemplateFields]
      : undefined
    if (value === undefined) throw new Error(`no value for ${whole} in this template`)
    return String(value)
  })
}
