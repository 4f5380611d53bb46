/** Entries out of experiments and roles: override before global before default, each value with its origin. */
import type { z } from 'zod'
import type { ExperimentSection, RoleSection } from './experiment-schema.ts'
import type { Finding, Folded, Path, Place } from './fold.ts'
import { showPath } from './fold.ts'
import { absolutePath, principal as principalName, realExperimentName } from './grammar.ts'
import type { SiteFile } from './schema.ts'
import type { Entry } from './site.ts'
import { fieldsUsed, renderTemplate, type TemplateFields, templateFields } from './template.ts'
import { splitWords } from './words.ts'

/** Where a value comes from: the role itself, an `…Override` key, a key at the top, a template, or the program. */
export interface Origin {
  readonly source: 'entry' | 'override' | 'global' | 'template' | 'default'
  /** The key's path in the file; absent for a default. */
  readonly key?: string
  readonly line?: number
  readonly column?: number
}
export type Origins = ReadonlyMap<string, ReadonlyMap<keyof Entry, Origin>>

export interface ResolveInput {
  readonly file: SiteFile
  readonly folded: Folded
  isRefused(path: Path): boolean
}

export interface ResolvedEntry {
  readonly entry: Entry
  readonly origins: ReadonlyMap<keyof Entry, Origin>
  readonly path: Path
}

/** Every entry, in the file's order; one that cannot be completed is left out, with a finding for each reason. */
export function resolveEntries(input: ResolveInput): { entries: ResolvedEntry[]; findings: Finding[] } {
  const findings: Finding[] = []
  const entries: ResolvedEntry[] = []
  for (const [experiment, section] of Object.entries(input.file.experiments)) {
    const at: Path = ['experiments', experiment]
    if (
      section.experimentOverride === undefined &&
      !realExperimentName.safeParse(experiment).success &&
      !input.isRefused([...at, 'experimentOverride'])
    ) {
      findings.push({
        severity: 'error',
        ...input.folded.keyPlace(at),
        path: showPath(at),
        message: `${JSON.stringify(experiment)} has an underscore, which the token issuer cannot take in an experiment — expected experimentOverride with the real one`,
      })
      continue
    }
    for (const [role, roleSection] of Object.entries(section.roles)) {
      const resolved = resolveEntry(input, { experiment, section, role, roleSection }, findings)
      if (resolved) entries.push(resolved)
    }
  }
  return { entries, findings }
}

interface Configured {
  readonly experiment: string
  readonly section: ExperimentSection
  readonly role: string
  readonly roleSection: RoleSection
}

type OverrideKey = Extract<keyof RoleSection, `${string}Override`>

function resolveEntry(
  input: ResolveInput,
  configured: Configured,
  findings: Finding[],
): ResolvedEntry | undefined {
  const { file, folded } = input
  const { experiment, section, role, roleSection } = configured
  const experimentPath: Path = ['experiments', experiment]
  const path: Path = [...experimentPath, 'roles', role]
  const origins = new Map<keyof Entry, Origin>()
  let complete = true

  const refuse = (place: Place, at: Path, message: string) => {
    complete = false
    findings.push({ severity: 'error', line: place.line, column: place.column, path: showPath(at), message })
  }
  const originOf = (source: Origin['source'], at: Path): Origin => ({
    source,
    key: showPath(at),
    ...folded.keyPlace(at),
  })
  const byDefault: Origin = { source: 'default' }
  const written = (at: Path, source: Origin['source']) =>
    folded.isWritten(at) ? originOf(source, at) : byDefault

  /** The override, else the global value (which may be a default of the schema); notes the origin. */
  function choose<T>(
    into: keyof Entry,
    override: OverrideKey,
    global: keyof SiteFile | undefined,
    globalValue: T,
  ): T {
    const own = roleSection[override] as T | undefined
    if (own !== undefined) origins.set(into, originOf('override', [...path, override]))
    else origins.set(into, global === undefined ? byDefault : written([global], 'global'))
    return own ?? globalValue
  }

  const realExperiment = section.experimentOverride ?? experiment
  const service = `${realExperiment}_${role}`
  const { account } = roleSection
  const fields = templateFields({
    account,
    realExperiment,
    role,
    service,
    ...(roleSection.desiredUIDOverride === undefined ? {} : { desiredUid: roleSection.desiredUIDOverride }),
  })

  /** A template rendered now and checked; `''` after a refusal. */
  function render(template: string, at: Path, grammar: z.ZodString, given: TemplateFields = fields): string {
    if (given.DesiredUID === undefined && fieldsUsed(template).includes('DesiredUID')) {
      refuse(
        folded.valuePlace(at),
        at,
        `${showPath(at)} uses {{.DesiredUID}}, which is not known yet when ${experiment}_${role} needs it — expected desiredUIDOverride in that role, or another field`,
      )
      return ''
    }
    const text = renderTemplate(template, given)
    const checked = grammar.safeParse(text)
    if (!checked.success)
      refuse(
        folded.valuePlace(at),
        at,
        `${showPath(at)}, for ${experiment}_${role}: ${checked.error.issues[0]?.message}`,
      )
    return text
  }

  function lacking(message: string, suppressedBy: readonly Path[]): string {
    complete = false
    if (!suppressedBy.some((at) => input.isRefused(at))) refuse(folded.keyPlace(path), path, message)
    return ''
  }

  function resolvePrincipal(): string {
    const candidates: readonly (readonly [Path, string | undefined, Origin['source']])[] = [
      [[...path, 'userPrincipalOverride'], roleSection.userPrincipalOverride, 'override'],
      [
        [...path, 'kerberosPrincipalPatternOverride'],
        roleSection.kerberosPrincipalPatternOverride,
        'template',
      ],
      [['kerberosPrincipalPattern'], file.kerberosPrincipalPattern, 'template'],
    ]
    for (const [at, template, source] of candidates) {
      if (template === undefined) continue
      origins.set('principal', originOf(source, at))
      return render(template, at, principalName)
    }
    return lacking(
      `${experiment}_${role} has no principal — expected kerberosPrincipalPattern at the top, or userPrincipalOverride here`,
      candidates.map(([at]) => at),
    )
  }

  function resolveKeytab(): string {
    const own: Path = [...path, 'keytabPathOverride']
    if (roleSection.keytabPathOverride !== undefined) {
      origins.set('keytab', originOf('override', own))
      return render(roleSection.keytabPathOverride, own, absolutePath)
    }
    if (file.keytabPath !== undefined) {
      origins.set('keytab', originOf('template', ['keytabPath']))
      const directory = render(file.keytabPath, ['keytabPath'], absolutePath)
      return `${directory.replace(/\/+$/, '')}/${account}.keytab`
    }
    return lacking(
      `${experiment}_${role} has no keytab — expected keytabPath at the top, or keytabPathOverride here`,
      [own, ['keytabPath']],
    )
  }

  const userPrincipal = resolvePrincipal()
  const keytab = resolveKeytab()

  const rootTemplate = choose(
    'vaultTokenRoot',
    'serviceCreddVaultTokenPathRootOverride',
    'serviceCreddVaultTokenPathRoot',
    file.serviceCreddVaultTokenPathRoot,
  )
  const rootPath: Path =
    roleSection.serviceCreddVaultTokenPathRootOverride === undefined
      ? ['serviceCreddVaultTokenPathRoot']
      : [...path, 'serviceCreddVaultTokenPathRootOverride']
  const vaultTokenRoot = render(rootTemplate, rootPath, absolutePath)

  const roleFileTemplate = choose(
    'roleFileTemplate',
    'defaultRoleFileDestinationTemplateOverride',
    'defaultRoleFileDestinationTemplate',
    file.defaultRoleFileDestinationTemplate,
  )
  const roleFilePath: Path =
    roleSection.defaultRoleFileDestinationTemplateOverride === undefined
      ? ['defaultRoleFileDestinationTemplate']
      : [...path, 'defaultRoleFileDestinationTemplateOverride']
  // The UID may come later: any number shows what the path will look like.
  const roleFile = render(roleFileTemplate, roleFilePath, absolutePath, {
    ...fields,
    DesiredUID: fields.DesiredUID ?? 65534,
  })
  if (/^\/tmp\/vt_u/.test(roleFile) || roleFile.endsWith('/')) {
    refuse(
      folded.valuePlace(roleFilePath),
      roleFilePath,
      `${showPath(roleFilePath)}, for ${experiment}_${role}: ${JSON.stringify(roleFile)} is a directory or the place of a vault token — expected a file of its own`,
    )
  }

  const tokenGetter = choose(
    'tokenGetter',
    'tokenGetterOverride',
    undefined,
    'storeAndGetToken' as Entry['tokenGetter'],
  )
  const credds = choose('credds', 'condorCreddHostOverride', 'condorCreddHost', file.condorCreddHost)
  const collectors = choose(
    'collectors',
    'condorCollectorHostOverride',
    'condorCollectorHost',
    file.condorCollectorHost,
  )
  if (tokenGetter === 'storeAndGetToken' && credds === undefined && collectors.length === 0) {
    lacking(
      `${experiment}_${role} has no collector to ask for credds — expected condorCollectorHost at the top, or condorCollectorHostOverride, condorCreddHostOverride or tokenGetterOverride: getToken here`,
      [
        ['condorCollectorHost'],
        ['condorCreddHost'],
        [...path, 'condorCollectorHostOverride'],
        [...path, 'condorCreddHostOverride'],
        [...path, 'tokenGetterOverride'],
      ],
    )
  }
  const scheddConstraint = choose(
    'scheddConstraint',
    'condorScheddConstraintOverride',
    'condorScheddConstraint',
    file.condorScheddConstraint,
  )
  const vaultServer = choose('vaultServer', 'vaultServerOverride', 'vaultServer', file.vaultServer)
  const desiredUid = choose('desiredUid', 'desiredUIDOverride', undefined, undefined as number | undefined)

  const stripped = stripRealm(userPrincipal, file.refresher.stripRealms)
  const credkey = choose('credkey', 'credkeyOverride', undefined, stripped)
  if (roleSection.credkeyOverride === undefined)
    origins.set('credkey', { ...(origins.get('principal') ?? byDefault), source: 'template' })

  for (const key of ['name', 'experiment', 'role'] as const) origins.set(key, originOf('entry', path))
  for (const key of ['realExperiment', 'service'] as const) {
    origins.set(
      key,
      section.experimentOverride === undefined
        ? originOf('entry', path)
        : originOf('override', [...experimentPath, 'experimentOverride']),
    )
  }
  origins.set('account', originOf('entry', [...path, 'account']))
  origins.set('nodes', written([...path, 'destinationNodes'], 'entry'))
  origins.set('emails', written([...experimentPath, 'emails'], 'entry'))

  const entry: Entry = {
    name: `${experiment}_${role}`,
    experiment,
    realExperiment,
    role,
    service,
    account,
    principal: userPrincipal,
    keytab,
    ...(desiredUid === undefined ? {} : { desiredUid }),
    nodes: [...new Set(roleSection.destinationNodes)],
    ...(credds === undefined || tokenGetter === 'getToken' ? {} : { credds: [...new Set(credds)] }),
    collectors: [...new Set(collectors)],
    ...(scheddConstraint === undefined ? {} : { scheddConstraint }),
    ...(vaultServer === undefined ? {} : { vaultServer }),
    vaultTokenRoot,
    tokenGetter,
    minTokenLifetime: choose(
      'minTokenLifetime',
      'minTokenLifetimeOverride',
      'minTokenLifetime',
      file.minTokenLifetime,
    ),
    credkey,
    roleFileTemplate,
    sshOptions: splitWords(choose('sshOptions', 'sshOptionsOverride', 'sshOptions', file.sshOptions)) ?? [],
    fileCopierOptions:
      splitWords(
        choose('fileCopierOptions', 'fileCopierOptionsOverride', 'fileCopierOptions', file.fileCopierOptions),
      ) ?? [],
    disableNotifications: choose(
      'disableNotifications',
      'disableNotificationsOverride',
      'disableNotifications',
      file.disableNotifications,
    ),
    emails: section.emails,
  }
  return complete ? { entry, origins, path } : undefined
}

/** The principal as htgettoken's `--credkey` wants it: the site's own realms taken off, any other realm kept. */
export function stripRealm(userPrincipal: string, realms: readonly string[]): string {
  const realm = ['FNAL.GOV', ...realms].find((one) => userPrincipal.endsWith(`@${one}`))
  return realm === undefined ? userPrincipal : userPrincipal.slice(0, -(realm.length + 1))
}
