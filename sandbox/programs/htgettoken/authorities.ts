/** The certificates by which htgettoken knows a Vault server: a bundle (`--cafile`) and a hashed directory (`--capath`), each only as that. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

export interface Authorities {
  /** For curl. */
  readonly words: readonly string[]
  /** For node. */
  readonly pem: readonly string[]
}

/** What OpenSSL would take of the two: a directory given as file, or the other way round, is silently nothing. */
export function readAuthorities(caFile: string, caPath: string): Authorities {
  const isFile = statSync(caFile, { throwIfNoEntry: false })?.isFile() ?? false
  const isDirectory = statSync(caPath, { throwIfNoEntry: false })?.isDirectory() ?? false
  const hashed = isDirectory ? readdirSync(caPath).filter((name) => /^[0-9a-f]{8}\.\d+$/.test(name)) : []
  const files = [...(isFile ? [caFile] : []), ...hashed.map((name) => join(caPath, name))]
  return {
    words: [...(isFile ? ['--cacert', caFile] : []), '--capath', isDirectory ? caPath : '/nonexistent'],
    pem: files.map((file) => readFileSync(file, 'utf8')),
  }
}
