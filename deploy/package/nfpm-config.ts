/** What nfpm is told: metadata, which file is what, scripts, dependencies. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { GiveUp } from './give-up.ts'
import type { Kind, Signing } from './options.ts'
import type { Release } from './release.ts'
import { name } from './stage.ts'

/** Node's names of processors, in Go's. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

export interface Packed {
  /** This clone. */
  readonly root: string
  readonly kind: Kind
  /** For scripts. */
  readonly directory: string
  /** Where the files lie as they will be installed. */
  readonly files: string
  readonly release: Release
  readonly arch: string
  readonly signing: Signing | undefined
}

/** Programs that the daemons run, and what Node is linked with. The bus may be on another machine. */
const depends: Readonly<Record<Kind, readonly string[]>> = {
  deb: [
    ...[
      'adduser',
      'ca-certificates',
      'krb5-user',
      'libc6 (>= 2.28)',
      'libstdc++6',
      'openssh-client',
      'openssl',
    ],
    ...['rsync', 'systemd', 'util-linux'],
  ],
  rpm: [
    ...[
      'ca-certificates',
      'glibc >= 2.28',
      'krb5-workstation',
      'libstdc++',
      'openssh-clients',
      'openssl',
      'rsync',
    ],
    ...['shadow-utils', 'systemd', 'util-linux'],
  ],
}

const recommends: Readonly<Record<Kind, readonly string[]>> = {
  deb: ['nats-server (>= 2.12.9) | nats-server', 'logrotate'],
  rpm: ['nats-server >= 2.12.9', 'logrotate'],
}

/** The text of nfpm's configuration; what it refers to is written into the directory. */
export function describePackage(packed: Packed): string {
  const { kind, directory, release, arch, signing } = packed
  const goArch = architectures[arch]
  if (!goArch) throw new GiveUp(`There is no package for ${arch}.`)
  const signature = signing && { signature: { key_file: signing.key } }
  return stringify({
    ...{ name, arch: goArch, platform: 'linux', section: 'net', umask: 0o022, disable_globbing: true },
    ...{ version: release.version, version_schema: 'none', release: release.release },
    ...{ maintainer: 'Managed Tokens <root@localhost>', vendor: 'Managed Tokens', license: 'Apache-2.0' },
    description: description(release),
    mtime: new Date(release.dateSeconds * 1000).toISOString(),
    depends: depends[kind],
    recommends: recommends[kind],
    contents: contentsOf(packed),
    scripts: writeScripts(kind, directory),
    deb: { compression: 'zstd', ...signature },
    rpm: {
      ...{ compression: 'zstd', buildhost: 'localhost', group: 'System Environment/Daemons', ...signature },
      ...(kind === 'rpm' && {
        scripts: { posttrans: writeScript(directory, ['default-configuration', 'restart']) },
        requires: { post: ['systemd'] },
      }),
    },
  })
}

const description = ({ commit }: Release) => `Keeps the grid credentials of experiments fresh
Four daemons over NATS take Kerberos keytabs and put vault tokens onto every submit node and into
every HTCondor credential manager. With Node.js, and everything else that they run with.
Commit ${commit}.`

/** What a file is beside its bytes. */
function contentsOf({ root, files }: Packed): object[] {
  const file = (src: string, dst: string, more: object) => ({
    ...{ src: join(root, src), dst, file_info: { mode: 0o644 } },
    ...more,
  })
  return [
    { src: join(files, 'usr'), dst: '/usr', type: 'tree' },
    { dst: `/usr/share/licenses/${name}`, type: 'dir', packager: 'rpm' },
    file('LICENSE', `/usr/share/licenses/${name}/LICENSE`, { type: 'license', packager: 'rpm' }),
    file('LICENSE', `/usr/share/doc/${name}/copyright`, { packager: 'deb' }),
    file(`deploy/logrotate/${name}`, `/etc/logrotate.d/${name}`, { type: 'config|noreplace' }),
    // It may come to hold secrets. In a deb, dpkg would ask about one that is there already: its script puts it there.
    file('deploy/managedTokens.yml', '/etc/managed-tokens/managedTokens.yml', {
      ...{ type: 'config|noreplace', packager: 'rpm' },
      file_info: { mode: 0o640, group: 'managed-tokens' },
    }),
  ]
}

/** dpkg says in words what happens, rpm by how many of the package are there afterwards. */
function writeScripts(kind: Kind, directory: string): object {
  const write = (parts: readonly string[], onlyIf?: string) => writeScript(directory, parts, onlyIf)
  const removed = kind === 'deb' ? '"$1" = remove' : '"$1" = 0'
  return {
    preremove: write(['stop'], removed),
    postremove: write(['after-removal'], removed),
    ...(kind === 'deb'
      ? {
          preinstall: write(['before-install']),
          postinstall: write(['after-install', 'default-configuration', 'restart'], '"$1" = configure'),
        }
      : {
          preinstall: write(['make-group', 'before-install']),
          postinstall: write(['after-install']),
        }),
  }
}

/** One script of several parts. Returns its path. */
function writeScript(directory: string, parts: readonly string[], onlyIf?: string): string {
  const texts = parts.map((part) =>
    readFileSync(join(import.meta.dirname, 'files/scripts', `${part}.sh`), 'utf8'),
  )
  const guard = onlyIf ? [`[ ${onlyIf} ] || exit 0\n`] : []
  const file = join(directory, `${parts.join('-and-')}.sh`)
  writeFileSync(file, ['#!/bin/sh\nset -e\n', ...guard, ...texts].join(''))
  return file
}
