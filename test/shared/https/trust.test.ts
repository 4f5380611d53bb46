import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { getCACertificates, rootCertificates } from 'node:tls'
import { readEnvironment } from '../../../shared/config/environment.ts'
import { readTrust } from '../../../shared/https/trust.ts'
import { hashLinkOf, makeAuthority, makeExpired, toDer } from '../../support/certificates.ts'

describe('whom we trust', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mt-trust-'))
  const inDirectory = (...names: string[]) => join(directory, ...names)
  const text = (file: string) => readFileSync(file, 'utf8').trim()
  const places = { bundles: [inDirectory('debian.crt'), inDirectory('el.crt')], grid: inDirectory('grid') }
  /** The names of those of ours that are trusted, without what NODE_EXTRA_CA_CERTS adds. */
  const trusted = async (variables: NodeJS.ProcessEnv = {}, caPath?: string, where = places) => {
    const { certificates, problems } = await readTrust(caPath, readEnvironment(variables), where)
    const names = Object.keys(authorities).filter((name) =>
      certificates.includes(text(authorities[name] ?? '')),
    )
    return { names, problems: problems.map(({ file, why }) => `${basename(file)} ${why}`), certificates }
  }
  let authorities: Record<string, string> = {}
  let expired: string

  /** A directory with authorities under their hash links, as a grid host has it. */
  const makeDirectory = (name: string, ...held: string[]) => {
    mkdirSync(inDirectory(name))
    for (const one of held) {
      const file = authorities[one] ?? ''
      copyFileSync(file, inDirectory(name, basename(file)))
      symlinkSync(basename(file), inDirectory(name, hashLinkOf(file)))
    }
    return inDirectory(name)
  }

  before(() => {
    const names = ['debian', 'el', 'grid', 'own', 'another']
    mkdirSync(inDirectory('made'))
    authorities = Object.fromEntries(names.map((name) => [name, makeAuthority(inDirectory('made'), name)]))
    expired = makeExpired(inDirectory('made'))
    copyFileSync(authorities.debian ?? '', inDirectory('debian.crt'))
    copyFileSync(authorities.el ?? '', inDirectory('el.crt'))
    makeDirectory('grid', 'grid')
    makeDirectory('own', 'own', 'another')
  })
  after(() => rmSync(directory, { recursive: true }))

  it('is the system’s bundle together with the grid’s directory', async () => {
    const { names, problems } = await trusted()
    assert.deepEqual(names, ['debian', 'grid'])
    assert.deepEqual(problems, [])
  })

  it('takes the place of EL where that of Debian is not there', async () => {
    const el = { ...places, bundles: [inDirectory('none.crt'), inDirectory('el.crt')] }
    assert.deepEqual((await trusted({}, undefined, el)).names, ['el', 'grid'])
  })

  it('is Node’s own list where the system has none', async () => {
    const { names, certificates } = await trusted({}, undefined, { ...places, bundles: [] })
    assert.deepEqual(names, ['grid'])
    assert.ok(rootCertificates.every((one) => certificates.includes(one)))
  })

  const table: Record<
    string,
    [variables: () => NodeJS.ProcessEnv, caPath: string | undefined, names: string[]]
  > = {
    'a directory that is configured takes the grid’s place, and the system’s bundle stays': [
      () => ({ X509_CERT_DIR: inDirectory('grid') }),
      inDirectory('own'),
      ['debian', 'own', 'another'],
    ],
    'a file that is configured comes to the rest': [
      () => ({}),
      inDirectory('made', 'own.pem'),
      ['debian', 'grid', 'own'],
    ],
    'X509_CERT_DIR takes the grid’s place': [
      () => ({ X509_CERT_DIR: inDirectory('own') }),
      undefined,
      ['debian', 'own', 'another'],
    ],
    'SSL_CERT_FILE takes the place of the system’s bundle': [
      () => ({ SSL_CERT_FILE: authorities.own }),
      undefined,
      ['grid', 'own'],
    ],
    'SSL_CERT_DIR comes to the rest, and may be several': [
      () => ({ SSL_CERT_DIR: `${inDirectory('own')}:${inDirectory('none')}`, SSL_CERT_FILE: authorities.el }),
      undefined,
      ['el', 'grid', 'own', 'another'],
    ],
  }
  for (const [what, [variables, caPath, names]] of Object.entries(table))
    it(what, async () => assert.deepEqual((await trusted(variables(), caPath)).names, names))

  it('names each file that is missing where somebody named it, and goes on without', async () => {
    const why = 'is not there, or a link that leads nowhere'
    const { names, problems } = await trusted({ SSL_CERT_FILE: inDirectory('gone.crt') }, inDirectory('away'))
    assert.deepEqual(names, ['debian', 'grid'])
    assert.deepEqual(problems, [`gone.crt ${why}`, `away ${why}`])
    assert.deepEqual((await trusted({ X509_CERT_DIR: inDirectory('lost') })).problems, [`lost ${why}`])
  })

  it('reads each certificate once, whatever links lead to it', async () => {
    const { certificates } = await trusted()
    assert.equal(certificates.length, 2 + getCACertificates('extra').length)
  })

  describe('in a directory with one bad file', () => {
    const good = () => text(authorities.own ?? '')
    const half = () => good().slice(0, 200)
    const kinds: Record<string, [make: (file: string) => void, why: RegExp]> = {
      'that is something else': [
        (file) => writeFileSync(file, 'no certificate'),
        /holds no certificate in PEM form$/,
      ],
      'that is empty': [(file) => writeFileSync(file, ''), /holds no certificate in PEM form$/],
      'that is cut short': [(file) => writeFileSync(file, half()), /holds no certificate in PEM form$/],
      'in DER, which OpenSSL does not read there': [
        (file) => toDer(authorities.another ?? '', file),
        /holds no certificate in PEM form$/,
      ],
      'whose text is spoilt': [
        (file) => writeFileSync(file, good().replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA')),
        /cannot be read as a certificate$/,
      ],
      'that has expired': [(file) => writeFileSync(file, expired), /has expired on \d{4}-\d\d-\d\d$/],
      'that is a link to nothing': [
        (file) => symlinkSync('gone.pem', file),
        /is not there, or a link that leads nowhere$/,
      ],
      'that is a link to itself': [(file) => symlinkSync(basename(file), file), /is a link to itself$/],
      'that is a directory': [(file) => mkdirSync(file), /is no file$/],
      'that is a pipe nobody writes to': [(file) => void execFileSync('mkfifo', [file]), /is no file$/],
    }
    for (const [index, [what, [make, why]]] of Object.entries(kinds).entries())
      it(`${what}, all others are trusted, and it is named`, async () => {
        const held = makeDirectory(`bad${index}`, 'own', 'another')
        make(join(held, '01234567.0'))
        const { names, problems } = await trusted({}, held)
        assert.deepEqual(names, ['debian', 'own', 'another'])
        assert.equal(problems.length, 1)
        assert.match(problems[0] ?? '', new RegExp(`^01234567.0 ${why.source}`))
      })

    it('that has a second name, it is named once all the same', async () => {
      const held = makeDirectory('linked', 'own')
      writeFileSync(join(held, 'spoilt.pem'), 'no certificate')
      symlinkSync('spoilt.pem', join(held, '01234567.0'))
      assert.deepEqual((await trusted({}, held)).problems, ['spoilt.pem holds no certificate in PEM form'])
    })

    it('of several certificates of which one cannot be read, the others count, and it is named', async () => {
      const held = makeDirectory('several')
      const spoilt = good().replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA')
      writeFileSync(join(held, 'bundle.pem'), [good(), spoilt, text(authorities.another ?? '')].join('\n'))
      const { names, problems } = await trusted({}, held)
      assert.deepEqual(names, ['debian', 'own', 'another'])
      assert.deepEqual(problems, ['bundle.pem holds 1 of 3 certificates that cannot be read'])
    })

    it('with line ends of another system nothing is wrong', async () => {
      const held = makeDirectory('crlf')
      writeFileSync(join(held, 'own.pem'), good().replaceAll('\n', '\r\n'))
      assert.deepEqual(await trusted({}, held).then(({ names, problems }) => [names, problems]), [
        ['debian', 'own'],
        [],
      ])
    })

    it('with what else grids keep there nothing is wrong', async () => {
      const held = makeDirectory('igtf', 'own')
      for (const end of ['r0', 'signing_policy', 'namespaces', 'info', 'crl_url'])
        writeFileSync(join(held, `01234567.${end}`), 'not ours')
      assert.deepEqual((await trusted({}, held)).problems, [])
    })
  })
})
