/** How our client proves at an issuer who it is. Read from its file for each question: a new secret is taken without a restart. */
import { createPrivateKey, type JsonWebKey, type KeyObject, type webcrypto } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { ClientAuth, ServerMetadata } from 'openid-client'
import type { IssuerConfig } from '../../../shared/config/sections/issuers.ts'
import { z } from '../../../shared/contracts/zod.ts'

/** The file that the configuration names is no secret or key that can be used; the message is a clause for people. */
export class NoProof extends Error {
  override readonly name = 'NoProof'
}

type ProofFiles = Pick<IssuerConfig, 'clientSecretFile' | 'clientKeyFile'>

/** Throws NoProof. */
export async function readProof(
  { clientSecretFile, clientKeyFile }: ProofFiles,
  server: Pick<ServerMetadata, 'token_endpoint_auth_methods_supported'>,
): Promise<ClientAuth> {
  const { ClientSecretBasic, ClientSecretPost, None, PrivateKeyJwt } = await import('openid-client')
  if (clientKeyFile) return PrivateKeyJwt(await readKey(clientKeyFile))
  if (!clientSecretFile) return None()
  const secret = await readSecret(clientSecretFile)
  const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  const takesOnlyPost = methods.includes('client_secret_post') && !methods.includes('client_secret_basic')
  return takesOnlyPost ? ClientSecretPost(secret) : ClientSecretBasic(secret)
}

async function readSecret(file: string): Promise<string> {
  const secret = (await read(file)).trim()
  if (!/^[!-~]+$/.test(secret)) throw new NoProof(`${file} does not hold one word, which a secret is`)
  return secret
}

const keyId = z.object({ kid: z.string().exactOptional() })

async function readKey(file: string): Promise<{ key: webcrypto.CryptoKey; kid?: string }> {
  const text = await read(file)
  try {
    if (!text.trimStart().startsWith('{')) return { key: importKey(createPrivateKey(text)) }
    const jwk = JSON.parse(text) as JsonWebKey
    return { key: importKey(createPrivateKey({ key: jwk, format: 'jwk' })), ...keyId.parse(jwk) }
  } catch {
    // Without the reader's words, which may quote the key.
    throw new NoProof(`${file} holds no private key (RSA, P-256 or Ed25519, as PEM or JWK)`)
  }
}

function importKey(key: KeyObject): webcrypto.CryptoKey {
  const algorithm =
    key.asymmetricKeyType === 'rsa'
      ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
      : key.asymmetricKeyType === 'ec'
        ? { name: 'ECDSA', namedCurve: 'P-256' }
        : { name: 'Ed25519' }
  return key.toCryptoKey(algorithm, false, ['sign'])
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new NoProof(`${file} ${code === 'ENOENT' ? 'is not there' : `cannot be read (${code})`}`)
  }
}
