/** The doctor on entries that are written on its own host. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { checkLocal } from '../../../cli/doctor/local.ts'
import { checkNodes } from '../../../cli/doctor/nodes.ts'
import { checkPrograms } from '../../../cli/doctor/programs.ts'
import type { Entry, Site } from '../../../shared/config/site.ts'
import { siteOf } from '../../services/build.ts'
import { stickyDirectory } from '../../services/distributor/transport/place-here.ts'
import { makeEntry } from '../../support/entry.ts'

const account = 'games'
const uid = Number(execFileSync('id', ['-u', account], { encoding: 'utf8' }))

/** A site of one entry that is written here. */
const siteAt = (directory: string, change: Partial<Entry> = {}): Site => ({
  ...siteOf(),
  entries: [
    makeEntry({
      ...{ account, transport: 'local', nodes: [hostname()], desiredUid: uid },
      ...{ tokenDirectoryTemplate: directory, roleFileTemplate: `${directory}/role` },
      ...change,
    }),
  ],
})
const look = async (site: Site) => {
  const found = await Promise.all(checkLocal(site).map((check) => check.look(new AbortController().signal)))
  return found.flat().map(({ state, says }) => `${state} ${says}`)
}

describe('the doctor, where files are written on its own host', () => {
  it('says that they can be', async (t) => {
    assert.deepEqual(await look(siteAt(stickyDirectory(t))), [
      `ok ${hostname()} is this host, and games can have its files here`,
    ])
  })

  it('asks nothing of ssh', () => {
    const site = siteAt('/tmp')
    assert.deepEqual(checkNodes(site), [])
    const programs = (of: Site) => checkPrograms(of).map(({ about }) => about)
    assert.ok(!programs(site).includes('ssh'))
    assert.ok(programs(siteOf()).includes('ssh'))
  })

  const wrong: Record<string, [change: (directory: string) => Partial<Entry>, says: RegExp]> = {
    'an account that is not here': [
      () => ({ account: 'no.such.account' }),
      /^problem No token of dune_production on \S+: this host knows no account no\.such\.account\.$/,
    ],
    'an account with another UID': [
      () => ({ desiredUid: 4711 }),
      /^problem games of dune_production has UID \d+ here, not 4711$/,
    ],
    'a directory that is not there': [
      (directory) => ({ tokenDirectoryTemplate: `${directory}/none` }),
      /^problem \S+\/none is not there$/,
    ],
    'a directory of root’s alone': [
      (directory) => {
        mkdirSync(join(directory, 'sub'), { mode: 0o755 })
        return { tokenDirectoryTemplate: `${directory}/sub` }
      },
      /^problem games cannot write in \S+\/sub \(of root, mode 755\)$/,
    ],
    'a directory in which others may rename': [
      (directory) => {
        execFileSync('install', ['-d', '-m', '777', join(directory, 'open')])
        return { tokenDirectoryTemplate: `${directory}/open` }
      },
      /^problem \S+\/open belongs to UID 0 and has mode 777$/,
    ],
    'a name that is another host’s': [
      () => ({ nodes: ['elsewhere.lab.example'] }),
      /^warning elsewhere\.lab\.example has transport local, and this host calls itself /,
    ],
  }
  for (const [what, [change, says]] of Object.entries(wrong))
    it(`tells of ${what}`, async (t) => {
      const directory = stickyDirectory(t)
      const [found, ...more] = await look(siteAt(directory, change(directory)))
      assert.match(found ?? '', says)
      assert.deepEqual(more, [])
    })

  it('tells of a user that cannot become the account', async (t) => {
    t.mock.method(process as { getuid: () => number }, 'getuid', () => 4711)
    assert.deepEqual(await look(siteAt(stickyDirectory(t))), [
      `problem this user (4711) cannot write as games (${uid})`,
    ])
  })
})
