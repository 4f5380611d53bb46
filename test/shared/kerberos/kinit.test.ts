import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs'
import { chmod, copyFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { chooseLoopback } from '../../../sandbox/free-port.ts'
import { createRealm, type Kdc } from '../../../sandbox/kdc.ts'
import { layoutOf } from '../../../sandbox/layout.ts'
import type { CommandOutcome } from '../../../shared/commands/command.ts'
import { errorOf, failure, Permanent, Transient } from '../../../shared/contracts/errors.ts'
import type { ReasonCode } from '../../../shared/contracts/reasons.ts'
import { readCcache } from '../../../shared/kerberos/ccache.ts'
import type { Tickets } from '../../../shared/kerberos/kinit.ts'
import { makeEntry } from '../../support/entry.ts'

const layout = layoutOf(mkdtempSync(join(tmpdir(), 'mt-kinit-')))
// Read once, when the modules are loaded: what a daemon's unit would set.
process.env.KRB5_CONFIG = layout.krb5Config
process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`
const { reasonOfKinit, describe: why, isOf, openTickets } = await import('../../../shared/kerberos/kinit.ts')

const exited = (stderr: string): CommandOutcome => ({ kind: 'exited', exitCode: 1, stdout: '', stderr })

describe('what kinit of MIT Kerberos 1.20 says', () => {
  // As clients of a real KDC said them, but for the skewed clock, the unknown client and the failed preauthentication.
  const said: Record<string, ReasonCode> = {
    "Cannot contact any KDC for realm 'FNAL.GOV'": 'kdc-unreachable',
    'Cannot find KDC for realm "FNAL.GOV"': 'kdc-unreachable',
    'Clock skew too great': 'clock-skew',
    "Client 'dunepro/x@FNAL.GOV' not found in Kerberos database": 'kinit-unknown-principal',
    "Client's entry in database has expired": 'kinit-expired-principal',
    "Client's credentials have been revoked": 'kinit-expired-principal',
    'Password has expired': 'kinit-expired-principal',
    "Key table file '/nowhere/x.keytab' not found": 'kinit-no-keytab',
    'Permission denied': 'kinit-no-keytab',
    'Is a directory': 'kinit-no-keytab',
    'Unsupported key table format version number': 'kinit-no-keytab',
    'Preauthentication failed': 'kinit-wrong-keytab',
    'Keytab contains no suitable keys for x@FNAL.GOV': 'kinit-wrong-keytab',
    'Password incorrect': 'kinit-wrong-keytab',
    'Pre-authentication failed: Permission denied': 'kinit-no-keytab',
    'Pre-authentication failed: No key table entry found for x@FNAL.GOV': 'kinit-wrong-keytab',
    'KDC has no support for encryption type': 'kinit-wrong-keytab',
    'Resource temporarily unavailable': 'kdc-unreachable',
    'A service is not available that is required to process the request': 'kdc-unreachable',
    'Ticket not yet valid': 'clock-skew',
    'Failed to store credentials: Disk quota exceeded (filename: /x)': 'disk-full-here',
    'kinit: Failed to store credentials: Credentials cache I/O operation failed while getting initial credentials':
      'disk-full-here',
    'Something new': 'kinit-failed',
  }
  for (const [text, code] of Object.entries(said))
    it(`is ${code}: ${text}`, () =>
      assert.equal(reasonOfKinit(exited(`kinit: ${text} while getting initial credentials\n`)), code))

  it('is kinit-failed where a library, not the keytab, is not ours to read', () => {
    const text = 'kinit: Permission denied while initializing Kerberos 5 library\n'
    assert.equal(reasonOfKinit(exited(text)), 'kinit-failed')
  })

  it('is told as it is where it is not known: its last line, clean and without secrets', () => {
    const stderr =
      'kinit: warning\nkinit: \u001b[1mGeneric preauthentication failure\u001b[0m hvs.notforpeople\n'
    assert.equal(
      why('kinit-failed', { stderr }),
      'kinit says: kinit: Generic preauthentication failure [secret]',
    )
    assert.equal(why('kinit-failed', { stderr: '' }), 'kinit failed and said nothing')
    assert.doesNotMatch(why('kdc-unreachable', { stderr }), /Generic/)
  })

  it('nothing within its time: no KDC answers', () => {
    assert.equal(reasonOfKinit({ kind: 'timeout', stdout: '', stderr: '' }), 'kdc-unreachable')
  })
})

describe('a ticket', () => {
  const table: Record<string, readonly [ticket: string, principal: string, isIts: boolean]> = {
    'is of its own principal': ['a/b@LAB', 'a/b@LAB', true],
    'is of a principal without a realm, which krb5.conf adds': ['a/b@LAB', 'a/b', true],
    'is of no other realm': ['a/b@LAB', 'a/b@OTHER', false],
    'is of no other name': ['a/b@LAB', 'a', false],
    'is of no other instance': ['a/b@LAB', 'a/c', false],
  }
  for (const [what, [ticket, asked, isIts]] of Object.entries(table))
    it(what, () => assert.equal(isOf(ticket, asked), isIts))
})

describe('tickets from a real KDC', () => {
  const keytab = (name: string) => join(layout.keytabs, `${name}.keytab`)
  const principal = (name: string) => `${name}/managedtokens/sandbox.test@SANDBOX.TEST`
  const entry = makeEntry({ principal: principal('dunepro'), keytab: keytab('dunepro') })
  const limits = { minLifeMs: 60_000, timeoutMs: 60_000, signal: new AbortController().signal }
  const directory = join(layout.state, 'tickets')
  let kdc: Kdc

  before(async () => {
    for (const made of [layout.logs, layout.keytabs]) mkdirSync(made)
    mkdirSync(layout.state, { mode: 0o700 })
    kdc = await createRealm(
      layout,
      [
        { file: keytab('dunepro'), principals: [principal('dunepro')] },
        { file: keytab('novapro'), principals: [principal('novapro')] },
      ],
      // An address of its own: while it is stopped, nobody else takes its port.
      chooseLoopback()(0),
    )
  })
  after(async () => {
    await kdc?.[Symbol.asyncDispose]()
    await rm(layout.dir, { recursive: true, force: true })
  })
  beforeEach(() => kdc.start())

  const open = (): Promise<Tickets> => openTickets(directory)

  it('are made, private, and the principal is the configured one', async () => {
    await using tickets = await open()
    const ccache = await tickets.ccacheOf(entry, limits)
    assert.ok(ccache.startsWith(directory))
    assert.deepEqual(await readdir(directory), ['dune=5Fproduction.ccache'])
  })

  it('are of the default realm where the principal is configured without one', async () => {
    await using tickets = await open()
    const [bare] = principal('dunepro').split('@')
    const ccache = await tickets.ccacheOf({ ...entry, principal: bare as string }, limits)
    assert.equal(readCcache(await readFile(ccache))?.principal, principal('dunepro'))
  })

  it('end when klist says so', async () => {
    await using tickets = await open()
    const ccache = await tickets.ccacheOf(entry, limits)
    const { stdout } = spawnSync('klist', ['-c', ccache], {
      env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
      encoding: 'utf8',
    })
    const ticket = readCcache(await readFile(ccache))
    assert.ok(ticket && stdout.includes(`Default principal: ${ticket.principal}\n`), stdout)
    const [month, day, year, time] = /(\d\d)\/(\d\d)\/(\d+) (\S+) {2}krbtgt/.exec(stdout)?.slice(1) ?? []
    assert.equal(new Date(ticket.endMs).toISOString(), `20${year?.slice(-2)}-${month}-${day}T${time}.000Z`)
  })

  it('are made once for all who ask together, and used again', async () => {
    await using tickets = await open()
    const all = await Promise.all([1, 2, 3].map(() => tickets.ccacheOf(entry, limits)))
    await kdc.stop()
    assert.deepEqual(new Set([...all, await tickets.ccacheOf(entry, limits)]).size, 1)
  })

  it('are kept while the KDC is away and they still live, although longer life was asked for', async () => {
    await using tickets = await open()
    const ccache = await tickets.ccacheOf(entry, limits)
    await kdc.stop()
    assert.equal(await tickets.ccacheOf(entry, { ...limits, minLifeMs: 48 * 3_600_000 }), ccache)
    assert.ok(existsSync(ccache))
    assert.deepEqual(await readdir(directory), ['dune=5Fproduction.ccache'], 'no half-made one is left')
  })

  it('fail for the time being when the KDC is away and there is none', async () => {
    await kdc.stop()
    await using tickets = await open()
    await assert.rejects(tickets.ccacheOf(entry, limits), (error: unknown) => {
      assert.ok(error instanceof Transient)
      assert.equal(error.failure.code, 'kdc-unreachable')
      return true
    })
  })

  for (const [says, change, code] of [
    ['the KDC does not know the principal', { principal: principal('nobody') }, 'kinit-wrong-keytab'],
    ['the keytab is missing', { keytab: '/nowhere/x.keytab' }, 'kinit-no-keytab'],
    ["the keytab is another principal's", { keytab: keytab('novapro') }, 'kinit-wrong-keytab'],
  ] as const)
    it(`fail for good when ${says}`, async () => {
      await using tickets = await open()
      await assert.rejects(tickets.ccacheOf({ ...entry, ...change }, limits), (error: unknown) => {
        assert.ok(error instanceof Permanent, String(error))
        assert.equal(error.failure.code, code)
        return true
      })
    })

  it('fail for good when the file is no keytab', async () => {
    const file = keytab('rubbish')
    await writeFile(file, 'this is no keytab')
    await chmod(file, 0o600)
    await using tickets = await open()
    await assert.rejects(tickets.ccacheOf({ ...entry, keytab: file }, limits), Permanent)
  })

  it('are made anew when a reload gives the entry another principal', async () => {
    await using tickets = await open()
    await tickets.ccacheOf(entry, limits)
    const moved = { ...entry, principal: principal('novapro'), keytab: keytab('novapro') }
    await tickets.ccacheOf(moved, limits)
    await kdc.stop()
    await tickets.ccacheOf(moved, limits)
    await assert.rejects(tickets.ccacheOf(entry, limits), Transient)
  })

  it('are not shared with a kinit under way for another principal, which a reload has replaced', async () => {
    await using tickets = await open()
    const moved = { ...entry, principal: principal('novapro'), keytab: keytab('novapro') }
    const [ccache, movedCcache] = await Promise.all([
      tickets.ccacheOf(entry, limits),
      tickets.ccacheOf(moved, limits),
    ])
    assert.equal(movedCcache, ccache, 'an entry has one place')
    const listed = execFileSync('klist', ['-c', `FILE:${ccache}`], { encoding: 'utf8' })
    assert.match(listed, /^Default principal: novapro\//m)
    await kdc.stop()
    assert.equal(await tickets.ccacheOf(moved, limits), ccache)
  })

  const damages: Record<string, (file: string) => Promise<unknown>> = {
    'its file was taken away': (file) => rm(file),
    'all files were taken away': () => rm(directory, { recursive: true }),
    'its file was emptied': (file) => truncate(file),
    'its file was cut short': (file) => truncate(file, 60),
    'something else was written there': (file) => writeFile(file, 'rubbish'),
  }
  for (const [what, damage] of Object.entries(damages))
    it(`are made anew where ${what}`, async () => {
      await using tickets = await open()
      await damage(await tickets.ccacheOf(entry, limits))
      const ccache = await tickets.ccacheOf(entry, limits)
      assert.equal(readCcache(await readFile(ccache))?.principal, entry.principal)
    })

  describe('that are refused', () => {
    const use = { ...limits, run: 'run-1', purpose: 'node1' }
    const refused = errorOf(failure('kerberos-refused', 'sshd refused the ticket.'))
    const madeOf = async (ccache: string) => (await readFile(ccache)).toString('base64')
    /** Work that is refused `times` times, with the tickets it was given. */
    const refusing = (times: number, error: Error = refused) => {
      const seen: string[] = []
      const work = async (ccache: string) => {
        seen.push(await madeOf(ccache))
        if (seen.length <= times) throw error
        return 'done'
      }
      return { seen, work }
    }

    it('are made anew, and the work is done once more', async () => {
      await using tickets = await open()
      const { seen, work } = refusing(1)
      assert.equal(await tickets.withTicket(entry, use, work), 'done')
      assert.equal(new Set(seen).size, 2)
    })

    it('twice: the refusal is told, and the next attempt of this run has no new ticket', async () => {
      await using tickets = await open()
      const { seen, work } = refusing(9)
      await assert.rejects(tickets.withTicket(entry, use, work), refused)
      await assert.rejects(tickets.withTicket(entry, use, work), refused)
      assert.deepEqual([seen.length, new Set(seen).size], [3, 2])
      await assert.rejects(tickets.withTicket(entry, { ...use, purpose: 'node2' }, work), refused)
      await assert.rejects(tickets.withTicket(entry, { ...use, run: 'run-2' }, work), refused)
      assert.deepEqual([seen.length, new Set(seen).size], [7, 4], 'another node or run has')
    })

    it('at several places are made anew once, also where one hears of it late', async () => {
      await using tickets = await open()
      const { promise: renewed, resolve } = Promise.withResolvers<void>()
      const all = ['node1', 'node2', 'late'].map((purpose) => ({ purpose, ...refusing(1) }))
      const works = all.map(({ purpose, work }) =>
        tickets.withTicket(entry, { ...use, purpose }, async (ccache) => {
          // Given the same ticket as the others, it is refused after they have a new one.
          if (purpose === 'late') await renewed
          return work(ccache)
        }),
      )
      await Promise.all(works.slice(0, 2))
      const ofOthers = await madeOf(await tickets.ccacheOf(entry, limits))
      resolve()
      await works[2]
      assert.equal(await madeOf(await tickets.ccacheOf(entry, limits)), ofOthers)
    })

    it('while the KDC is away: the refusal is told, and the ticket stays for others', async () => {
      await using tickets = await open()
      const ccache = await tickets.ccacheOf(entry, limits)
      const { seen, work } = refusing(9)
      await kdc.stop()
      await assert.rejects(tickets.withTicket(entry, use, work), refused)
      assert.deepEqual(seen, [await madeOf(ccache)])
    })

    it('because the keytab is no good any more: that is told', async () => {
      await using tickets = await open()
      const own = { ...entry, keytab: keytab('moved') }
      await copyFile(keytab('dunepro'), own.keytab)
      await assert.rejects(
        tickets.withTicket(own, use, async () => {
          await rm(own.keytab)
          throw refused
        }),
        ({ failure }) => failure.code === 'kinit-no-keytab',
      )
    })

    it('for another reason stay as they are', async () => {
      await using tickets = await open()
      for (const error of [errorOf(failure('node-unreachable', 'away')), new Error('unexpected')]) {
        const { seen, work } = refusing(9, error)
        await assert.rejects(tickets.withTicket(entry, use, work), error)
        assert.equal(seen.length, 1)
      }
    })

    it('by Vault’s policy at its login are made anew too, as the error says itself', async () => {
      await using tickets = await open()
      const { seen, work } = refusing(1, errorOf(failure('permission-denied', 'no'), { ticketRefused: true }))
      assert.equal(await tickets.withTicket(entry, use, work), 'done')
      assert.equal(new Set(seen).size, 2)
    })

    it('stay as they are where the daemon stops', async () => {
      await using tickets = await open()
      const stopping = new AbortController()
      let times = 0
      const work = async () => {
        times += 1
        stopping.abort()
        throw refused
      }
      await assert.rejects(tickets.withTicket(entry, { ...use, signal: stopping.signal }, work), refused)
      assert.equal(times, 1)
    })
  })

  it('do not outlive the daemon', async () => {
    const tickets = await open()
    await tickets.ccacheOf(entry, limits)
    await tickets[Symbol.asyncDispose]()
    assert.equal(existsSync(directory), false)
  })
})
