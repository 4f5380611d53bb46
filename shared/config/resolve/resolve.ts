/** Entries out of experiments and roles, each value with its origin. */

import { type Finding, type Path, showPath } from '../read/places.ts'
import { absolutePath, principal, quote, realExperimentName } from '../schema/grammar.ts'
import { readSshWords, strayForRsync } from '../schema/option-words.ts'
import { splitWords } from '../schema/words.ts'
import type { Entry } from '../site.ts'
import { type ResolvedDelivery, resolveDelivery } from './deliver.ts'
import { type EntryReader, type ResolveInput, readEntry } from './entry-reader.ts'
import type { Origin } from './origin.ts'

export interface ResolvedEntry {
  readonly entry: Entry
  readonly origins: ReadonlyMap<keyof Entry, Origin>
  /** The role's place in the file. */
  readonly path: Path
  /** The places of its bearer tokens. */
  readonly bearersAt: ResolvedDelivery['bearersAt']
}

/** Every entry, in the file's order; one that cannot be completed is left out, with a finding for each reason. */
export function resolveEntries(input: ResolveInput): { entries: ResolvedEntry[]; findings: Finding[] } {
  const findings: Finding[] = []
  const entries: ResolvedEntry[] = []
  for (const [experiment, section] of Object.entries(input.file.experiments)) {
    findings.push(...checkRealName(input, experiment, section.experimentOverride))
    for (const [role, roleSection] of Object.entries(section.roles)) {
      const reader = readEntry(input, { experiment, section, role, roleSection })
      const { deliver, bearersAt } = resolveDelivery(reader)
      const entry = resolveEntry(reader, deliver)
      findings.push(...reader.findings)
      if (reader.isComplete()) entries.push({ entry, origins: reader.origins, path: reader.path, bearersAt })
    }
  }
  return { entries, findings }
}

/** Without an override, the configured name is the one the token issuer gets. */
function checkRealName(
  { folded, isRefused }: ResolveInput,
  experiment: string,
  override: string | undefined,
): Finding[] {
  const path: Path = ['experiments', experiment]
  if (override !== undefined || isRefused([...path, 'experimentOverride'])) return []
  if (realExperimentName.safeParse(experiment).success) return []
  const message = `${JSON.stringify(experiment)} has an underscore, which no token issuer takes in an experiment — expected experimentOverride with the real one`
  return [{ severity: 'error', ...folded.keyPlace(path), path: showPath(path), message }]
}

function resolveEntry(reader: EntryReader, deliver: Entry['deliver']): Entry {
  const { roleSection, section, path } = reader
  const own = ['name', 'experiment', 'role'] as const
  for (const key of own) reader.note(key, 'entry', path)
  const isOverridden = section.experimentOverride !== undefined
  for (const key of ['realExperiment', 'service'] as const) {
    if (isOverridden) reader.note(key, 'override', ['experiments', reader.experiment, 'experimentOverride'])
    else reader.note(key, 'entry', path)
  }
  reader.note('account', 'entry', [...path, 'account'])
  reader.note('nodes', 'entry', [...path, 'destinationNodes'])
  reader.note('deliver', 'entry', [...path, 'deliver'])
  reader.note('emails', 'entry', ['experiments', reader.experiment, 'emails'])

  const source = resolveSource(reader)
  const way = { ...resolveTransport(reader), ...resolveIdentity(reader) }
  const ticket: Pick<Entry, 'principal' | 'keytab'> =
    source.tokenGetter !== 'oidc' || opensByTicket(way) ? resolveTicket(reader) : {}
  const desiredUid = reader.own('desiredUid', 'desiredUIDOverride')
  const vaultServer = reader.choose('vaultServer', 'vaultServerOverride', 'vaultServer')
  return {
    name: reader.name,
    experiment: reader.experiment,
    realExperiment: reader.realExperiment,
    role: reader.role,
    service: reader.service,
    account: roleSection.account,
    ...ticket,
    ...(desiredUid === undefined ? {} : { desiredUid }),
    nodes: [...new Set(roleSection.destinationNodes)],
    deliver,
    ...source,
    ...resolveCredds(reader, source.tokenGetter),
    ...(vaultServer === undefined ? {} : { vaultServer }),
    storerMethod: resolveStorerMethod(reader),
    vaultTokenRoot: resolveVaultTokenRoot(reader),
    minTokenLifetime: reader.choose('minTokenLifetime', 'minTokenLifetimeOverride', 'minTokenLifetime'),
    credkey: resolveCredkey(reader, ticket.principal),
    ...resolveRoleFile(reader, source.tokenGetter),
    tokenDirectoryTemplate: resolveTokenDirectory(reader),
    ...way,
    sshOptions: resolveSshOptions(reader),
    disableNotifications: reader.choose(
      'disableNotifications',
      'disableNotificationsOverride',
      'disableNotifications',
    ),
    emails: section.emails,
  }
}

/** Where the token comes from. What is no source of an issuer’s must not look as if it were one. */
function resolveSource(reader: EntryReader): Pick<Entry, 'tokenGetter' | 'oidc'> {
  const { file, path, roleSection, name } = reader
  const tokenGetter = reader.own('tokenGetter', 'tokenGetterOverride') ?? 'storeAndGetToken'
  const { oidc } = roleSection
  const at: Path = [...path, 'oidc']
  reader.note('oidc', 'entry', at)
  if (tokenGetter !== 'oidc') {
    if (oidc) reader.refuse(at, `${name} has oidc, which counts only with tokenGetterOverride: oidc`)
    return { tokenGetter }
  }
  if (!oidc) {
    reader.lack(`${name} has no issuer — expected oidc: with issuer and grant`, [at])
    return { tokenGetter }
  }
  const known = Object.keys(file.issuers)
  const issuer = known.includes(oidc.issuer) ? file.issuers[oidc.issuer] : undefined
  if (!issuer)
    reader.refuse(
      [...at, 'issuer'],
      `${quote(oidc.issuer)} is none of issuers — expected ${known.join(', ') || 'a section issuers'}`,
    )
  else if (oidc.grant !== 'refresh_token' && !issuer.clientSecretFile && !issuer.clientKeyFile)
    reader.refuse(
      [...at, 'grant'],
      `${oidc.grant} needs a client that can prove who it is — expected clientSecretFile or clientKeyFile in issuers.${oidc.issuer}`,
    )
  if (roleSection.deliver.includes('vault'))
    reader.refuse(
      [...path, 'deliver'],
      `${name} has no vault token with tokenGetterOverride: oidc — expected deliver: with bearer: alone`,
    )
  return { tokenGetter, oidc }
}

/** Nodes are reached by the entry's ticket: by no key, and not without a login. */
export const opensByTicket = ({ identityFile, transport }: Pick<Entry, 'identityFile' | 'transport'>) =>
  identityFile === undefined && transport !== 'local'

const resolveTicket = (reader: EntryReader): Required<Pick<Entry, 'principal' | 'keytab'>> => ({
  principal: resolvePrincipal(reader),
  keytab: resolveKeytab(reader),
})

const words = (text: string) => splitWords(text) ?? []

function resolvePrincipal(reader: EntryReader): string {
  const { file, roleSection, path } = reader
  const candidates: readonly (readonly [Origin['source'], Path, string | undefined])[] = [
    ['override', [...path, 'userPrincipalOverride'], roleSection.userPrincipalOverride],
    ['template', [...path, 'kerberosPrincipalPatternOverride'], roleSection.kerberosPrincipalPatternOverride],
    ['template', ['kerberosPrincipalPattern'], file.kerberosPrincipalPattern],
  ]
  for (const [source, at, template] of candidates) {
    if (template === undefined) continue
    reader.note('principal', source, at)
    return reader.render(template, at, principal)
  }
  return reader.lack(
    `${reader.name} has no principal — expected kerberosPrincipalPattern at the top, or userPrincipalOverride here`,
    candidates.map(([, at]) => at),
  )
}

/** The override is the keytab file itself; the global key is the directory of all of them. */
function resolveKeytab(reader: EntryReader): string {
  const { file, roleSection, path } = reader
  const own: Path = [...path, 'keytabPathOverride']
  if (roleSection.keytabPathOverride !== undefined) {
    reader.note('keytab', 'override', own)
    return reader.render(roleSection.keytabPathOverride, own, absolutePath)
  }
  if (file.keytabPath !== undefined) {
    reader.note('keytab', 'template', ['keytabPath'])
    const directory = reader.render(file.keytabPath, ['keytabPath'], absolutePath)
    return `${directory.replace(/\/+$/, '')}/${roleSection.account}.keytab`
  }
  return reader.lack(
    `${reader.name} has no keytab — expected keytabPath at the top, or keytabPathOverride here`,
    [own, ['keytabPath']],
  )
}

function resolveCredds(
  reader: EntryReader,
  tokenGetter: Entry['tokenGetter'],
): Pick<Entry, 'credds' | 'collectors' | 'scheddConstraint'> {
  const credds = reader.choose('credds', 'condorCreddHostOverride', 'condorCreddHost')
  const collectors = reader.choose('collectors', 'condorCollectorHostOverride', 'condorCollectorHost')
  const scheddConstraint = reader.choose(
    'scheddConstraint',
    'condorScheddConstraintOverride',
    'condorScheddConstraint',
  )
  if (tokenGetter === 'storeAndGetToken' && credds === undefined && collectors.length === 0) {
    const inRole = ['condorCollectorHostOverride', 'condorCreddHostOverride', 'tokenGetterOverride']
    reader.lack(
      `${reader.name} has no collector to ask for credds — expected condorCollectorHost at the top, or condorCollectorHostOverride, condorCreddHostOverride or tokenGetterOverride: getToken here`,
      [['condorCollectorHost'], ['condorCreddHost'], ...inRole.map((key) => [...reader.path, key])],
    )
  }
  return {
    ...(credds === undefined || tokenGetter !== 'storeAndGetToken' ? {} : { credds: [...new Set(credds)] }),
    collectors: [...new Set(collectors)],
    ...(scheddConstraint === undefined ? {} : { scheddConstraint }),
  }
}

function resolveStorerMethod({ file, roleSection, path, note }: EntryReader): Entry['storerMethod'] {
  const own = roleSection.storerMethodOverride
  if (own === undefined) note('storerMethod', 'global', ['storer', 'method'])
  else note('storerMethod', 'override', [...path, 'storerMethodOverride'])
  return own ?? file.storer.method
}

function resolveVaultTokenRoot(reader: EntryReader): string {
  const [own, global] = ['serviceCreddVaultTokenPathRootOverride', 'serviceCreddVaultTokenPathRoot'] as const
  const template = reader.choose('vaultTokenRoot', own, global)
  return reader.render(template, reader.chosenPath(own, global), absolutePath)
}

const renderWithAnyUid = ({ render, fields }: EntryReader, template: string, at: Path) =>
  render(template, at, absolutePath, { ...fields, DesiredUID: fields.DesiredUID ?? 65534 })

/** Stays a template, since the UID may come later; what it will look like is checked with any number. */
function resolveRoleFile(
  reader: EntryReader,
  tokenGetter: Entry['tokenGetter'],
): Pick<Entry, 'roleFileTemplate'> {
  const [own, global] = [
    'defaultRoleFileDestinationTemplateOverride',
    'defaultRoleFileDestinationTemplate',
  ] as const
  const template = reader.choose('roleFileTemplate', own, global)
  // jobsub, which reads it, takes vault tokens.
  if (tokenGetter === 'oidc' && reader.origins.get('roleFileTemplate')?.source === 'default') return {}
  const at = reader.chosenPath(own, global)
  const file = renderWithAnyUid(reader, template, at)
  if (file.endsWith('/') || /\/[bv]t_u[^/]*$/.test(file)) {
    reader.refuse(
      at,
      `${showPath(at)}, for ${reader.name}: ${JSON.stringify(file)} is a directory or a token's place — expected a file of its own`,
    )
  }
  return { roleFileTemplate: template }
}

/** As the role file: rendered once the UID is known, checked now. */
function resolveTokenDirectory(reader: EntryReader): string {
  const global: Path = ['distributor', 'tokenDirectory']
  const own = reader.roleSection.tokenDirectoryOverride
  const at = own === undefined ? global : [...reader.path, 'tokenDirectoryOverride']
  reader.note('tokenDirectoryTemplate', own === undefined ? 'global' : 'override', at)
  const template = own ?? reader.file.distributor.tokenDirectory
  const directory = renderWithAnyUid(reader, template, at)
  if (directory.endsWith('/'))
    reader.refuse(
      at,
      `${showPath(at)}, for ${reader.name}: ${JSON.stringify(directory)} — expected a directory without a "/" at its end`,
    )
  return template
}

/** A file each of us may have: the template is filled in now. */
function resolveIdentity(reader: EntryReader): Pick<Entry, 'identityFile'> {
  const own = reader.roleSection.identityFileOverride
  const template = own ?? reader.file.distributor.identityFile
  if (template === undefined) return {}
  const at: Path =
    own === undefined ? ['distributor', 'identityFile'] : [...reader.path, 'identityFileOverride']
  reader.note('identityFile', own === undefined ? 'template' : 'override', at)
  return { identityFile: reader.render(template, at, absolutePath) }
}

function resolveSshOptions(reader: EntryReader): readonly string[] {
  const [own, global] = ['sshOptionsOverride', 'sshOptions'] as const
  const read = readSshWords(words(reader.choose(global, own, global)))
  const at = reader.chosenPath(own, global)
  for (const word of read.stray)
    reader.warn(
      at,
      `${showPath(at)}: ${quote(word)} is no option of ssh with its value and is left out, as the predecessor left it out — expected -o Key=value, Key=value, or another option of ssh`,
    )
  return read.words
}

/** rsync's words are looked at only where rsync is used: a file of the predecessor's loads as it is. */
function resolveTransport(reader: EntryReader): Pick<Entry, 'transport' | 'fileCopierOptions'> {
  const { file, roleSection, path } = reader
  const own = roleSection.transportOverride
  if (own === undefined) reader.note('transport', 'global', ['distributor', 'transport'])
  else reader.note('transport', 'override', [...path, 'transportOverride'])
  const transport = own ?? file.distributor.transport
  const { destinationNodes } = reader.roleSection
  if (transport === 'local' && new Set(destinationNodes).size > 1)
    reader.refuse(
      [...path, 'destinationNodes'],
      `${reader.name} has ${destinationNodes.length} nodes, and its transport, local, writes on the distributor’s own host — expected that one alone`,
    )
  const [override, global] = ['fileCopierOptionsOverride', 'fileCopierOptions'] as const
  const fileCopierOptions = words(reader.choose(global, override, global))
  const stray = transport === 'rsync' ? strayForRsync(fileCopierOptions) : undefined
  if (stray !== undefined) {
    const at = reader.chosenPath(override, global)
    reader.refuse(
      at,
      `${showPath(at)}: ${quote(stray)} is not an option, rsync would take it for a file — expected options only, with their values as --option=value`,
    )
  }
  return { transport, fileCopierOptions }
}

function resolveCredkey(reader: EntryReader, userPrincipal = ''): string {
  const own = reader.own('credkey', 'credkeyOverride')
  const from = reader.origins.get('principal')
  if (own === undefined && from) reader.origins.set('credkey', from)
  return own ?? stripRealm(userPrincipal, reader.file.refresher.stripRealms)
}

/** The principal as htgettoken's `--credkey` wants it: the site's own realms taken off, any other realm kept. */
export function stripRealm(userPrincipal: string, realms: readonly string[]): string {
  const realm = ['FNAL.GOV', ...realms].find((one) => userPrincipal.endsWith(`@${one}`))
  return realm === undefined ? userPrincipal : userPrincipal.slice(0, -(realm.length + 1))
}
