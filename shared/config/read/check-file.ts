/** Holds the folded file against the schema: every refusal as a sentence with its place, and what is left without the refused parts. */
import type { z } from '../../contracts/zod.ts'
import { type SiteFile, siteFile } from '../schema/schema.ts'
import { describe, expectation } from './expectation.ts'
import type { Folded } from './fold.ts'
import { type Finding, type Path, showPath } from './places.ts'

export interface CheckedFile {
  /** Without what was refused; absent when nothing usable is left. */
  readonly file: SiteFile | undefined
  readonly findings: readonly Finding[]
  /** Was something refused at this path or above it? Then that it is missing is no news. */
  isRefused(path: Path): boolean
}

/** Validates. What is wrong is cut out and the rest validated again, so that the checks across keys see all they can. */
export function checkFile(folded: Folded): CheckedFile {
  const value = structuredClone(folded.value) as object
  const refused = new Set<string>()
  const findings: Finding[] = []
  const result = (file: SiteFile | undefined): CheckedFile => ({
    file,
    findings,
    isRefused: (path) => path.some((_, index) => refused.has(showPath(path.slice(0, index + 1)))),
  })

  let parsed = siteFile.safeParse(value)
  for (const issue of parsed.error?.issues.flatMap(innerIssues) ?? [])
    findings.push(explainIssue(issue, value, folded))
  // Each round removes at least one key; a file whose top is refused ends the loop at once.
  while (!parsed.success) {
    // All are located before the first is cut: two faults in one role must not take its neighbours with them.
    const cuts = parsed.error.issues.map(({ path }) => ({ path, cut: locate(value, path) }))
    for (const { path, cut } of cuts) {
      if (!cut) return result(undefined)
      Reflect.deleteProperty(cut.holder, cut.key)
      refused.add(showPath(path)).add(showPath(cut.path))
    }
    parsed = siteFile.safeParse(value)
  }
  return result(parsed.data)
}

/** A union's refusal as those of the form whose inside is wrong, with their whole paths; any other as it is. Pure. */
function innerIssues(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const meant = issue.errors.find(
    (issues) => !issues.some(({ path, code }) => path.length === 0 && isKind(code)),
  )
  if (!meant) return [issue]
  return meant.flatMap((one) => innerIssues({ ...one, path: [...issue.path, ...one.path] }))
}

const isKind = (code: string) => code === 'invalid_type' || code === 'invalid_value'

/** The deepest key along `path` that exists; a list counts as a whole. */
function locate(root: object, path: Path): { holder: object; key: PropertyKey; path: Path } | undefined {
  let holder: unknown = root
  let found: ReturnType<typeof locate>
  for (const [index, key] of path.entries()) {
    if (typeof holder !== 'object' || holder === null || Array.isArray(holder) || !Object.hasOwn(holder, key))
      break
    found = { holder, key, path: path.slice(0, index + 1) }
    holder = Reflect.get(holder, key)
  }
  return found
}

function explainIssue(issue: z.core.$ZodIssue, root: unknown, folded: Folded): Finding {
  const { path } = issue
  const place = (isKey: boolean) => (isKey ? folded.keyPlace(path) : folded.valuePlace(path))
  const finding = (message: string, isKey = false): Finding => ({
    severity: 'error',
    ...place(isKey),
    path: showPath(path),
    message,
  })
  if (issue.code === 'invalid_key')
    return finding(issue.issues.map(({ message }) => message).join('; '), true)

  const found = valueAt(root, path)
  const name = JSON.stringify(String(path.at(-1)))
  if (found === undefined) {
    const state = folded.isWritten(path) ? 'has no value' : 'is missing'
    const where = path.length > 1 ? ` in ${showPath(path.slice(0, -1))}` : ''
    return finding(`${name} ${state}${where} — expected ${expectation(path)}`, true)
  }
  if (issue.code === 'invalid_type')
    return finding(`${showPath(path)} is ${describe(found)} — expected ${expectation(path)}`)
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    return finding(`${showPath(path)} is ${describe(found)} — expected ${limits(issue)}`)
  }
  if (issue.code === 'invalid_value' && issue.message.startsWith('Invalid')) {
    return finding(
      `${showPath(path)} is none of the known words — expected one of ${issue.values.map((one) => JSON.stringify(one)).join(', ')}`,
    )
  }
  return finding(`${showPath(path)}: ${issue.message}`)
}

const limits = (issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig) => {
  if (issue.origin === 'array') return issue.message
  return issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = Reflect.get(value, key)
  }
  return value
}
