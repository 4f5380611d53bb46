/** What condor_vault_storer asks of condor_config_val: seven calls a run, and whatever goes wrong with them is an empty value. */
import type { Program } from '../program.ts'
import { callInner } from './inner-call.ts'

export interface Configured {
  readonly storerOptions: string
  readonly getTokenOptions: string
  readonly localProviders: string
  readonly oauth2Providers: string
  readonly clientProviders: string
}

export async function readConfiguration(program: Program): Promise<Configured> {
  const ask = async (name: string) =>
    (await callInner(program, 'condor_config_val', [name], { output: 'read', errors: 'drop' })).output.trim()
  const storerOptions = await ask('SEC_CREDENTIAL_VAULT_STORER_OPTS')
  const getTokenOptions = await ask('SEC_CREDENTIAL_GETTOKEN_OPTS')
  // Asked for since 25.14; nothing here is Pelican's.
  await ask('PELICAN_CREDMON_PROVIDER_NAMES')
  const localNames = await ask('LOCAL_CREDMON_PROVIDER_NAMES')
  const localProviders = localNames || (await ask('LOCAL_CREDMON_PROVIDER_NAME'))
  const oauth2Providers = await ask('OAUTH2_CREDMON_PROVIDER_NAMES')
  const clientProviders = await ask('CLIENT_CREDMON_PROVIDER_NAMES')
  return { storerOptions, getTokenOptions, localProviders, oauth2Providers, clientProviders }
}
