import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { commandEnvironment, environment, readEnvironment } from '../../../shared/config/environment.ts'

const variables = {
  HOME: '/home/rex',
  PATH: '/bin',
  KRB5_CONFIG: '/etc/krb5.own',
  BEARER_TOKEN: 'planted-token',
  BEARER_TOKEN_FILE: '/tmp/bt_u0',
  LD_PRELOAD: '/tmp/x.so',
  _condor_COLLECTOR_HOST: 'c.lab.example',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://t.lab.example',
  HTGETTOKENOPTS: '',
}

test('only variables the program knows are taken over; an empty one counts as not set', () => {
  assert.deepEqual(readEnvironment(variables), {
    HOME: '/home/rex',
    PATH: '/bin',
    KRB5_CONFIG: '/etc/krb5.own',
    condor: { _condor_COLLECTOR_HOST: 'c.lab.example' },
    otel: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://t.lab.example' },
  })
  assert.ok(Object.isFrozen(environment) && Object.isFrozen(environment.condor))
})

test('a command starts from an exact environment: no inherited token, library or condor setting', () => {
  assert.deepEqual(commandEnvironment(readEnvironment(variables)), {
    PATH: '/bin',
    HOME: '/home/rex',
    LANG: 'C',
    LC_ALL: 'C',
    KRB5_CONFIG: '/etc/krb5.own',
  })
  assert.deepEqual(Object.keys(commandEnvironment(readEnvironment({}))), ['PATH', 'HOME', 'LANG', 'LC_ALL'])
})

test('a command is told whom to trust and which proxy to take, as this process is, and as it was spelt', () => {
  const web = {
    ...{ SSL_CERT_FILE: '/ca.crt', SSL_CERT_DIR: '/ca', X509_CERT_DIR: '/grid' },
    ...{ HTTPS_PROXY: 'http://p:1', https_proxy: 'http://p:2', HTTP_PROXY: 'http://p:3', http_proxy: 'p:4' },
    ...{ ALL_PROXY: 'socks5://p:5', all_proxy: 'http://p:6', NO_PROXY: 'a', no_proxy: 'b' },
  }
  const { PATH, HOME, LANG, LC_ALL, ...told } = commandEnvironment(
    readEnvironment({ ...web, FTP_PROXY: 'p' }),
  )
  assert.deepEqual(told, web)
})

test('nothing but shared/config reads the environment of the process', () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const offenders: string[] = []
  for (const top of ['services', 'shared', 'cli']) {
    for (const name of readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || join(top, name).startsWith(join('shared', 'config'))) continue
      if (readFileSync(join(root, top, name), 'utf8').includes('process.env')) offenders.push(join(top, name))
    }
  }
  assert.deepEqual(offenders, [])
})
