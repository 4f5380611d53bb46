/** UIDs from the command line: taken over from the predecessor's database, and asked of FERRY. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { before, describe, it } from 'node:test'
import { writeFaults } from '../../sandbox/faults.ts'
import type { Pipeline } from '../support/pipeline.ts'
import { type } from '../support/terminal.ts'
import { useTypedSite } from '../support/typed-site.ts'

describe('managed-tokens uids', () => {
  const at = useTypedSite()
  let pipe: Pipeline
  let options: readonly string[]
  before(() => {
    pipe = at.pipe
    options = ['-c', pipe.site.config, '--state', pipe.site.layout.state]
  })

  const uidOf = async (account: string): Promise<number | null | undefined> => {
    const { stdout } = await type(['services', '--json', ...options])
    const { services } = JSON.parse(stdout) as { services: { account: string; uid: number | null }[] }
    return services.find((one) => one.account === account)?.uid
  }

  it('import takes over what the predecessor knew, once, without a word on standard error', async () => {
    const file = join(pipe.site.dir, 'uid.db')
    const database = new DatabaseSync(file)
    database.exec(`PRAGMA application_id = ${0x5da82553};
      CREATE TABLE uids (username TEXT NOT NULL PRIMARY KEY, uid INTEGER NOT NULL);
      INSERT INTO uids VALUES ('novaana', 4711), ('somebody', 99);`)
    database.close()
    assert.equal(await uidOf('novaana'), null)
    const first = await type(['uids', 'import', file, ...options])
    assert.deepEqual(first, { exit: 0, stdout: 'Took over the UIDs of 2 accounts.\n', stderr: '' })
    assert.equal(await uidOf('novaana'), 4711)
    const again = await type(['uids', 'import', file, '--json', ...options])
    assert.deepEqual(JSON.parse(again.stdout), { imported: [], kept: ['novaana', 'somebody'] })
  })

  it('refresh asks FERRY now, says what it told, and that is in force', async () => {
    const { exit, stdout, stderr } = await type(['uids', 'refresh', ...options])
    assert.deepEqual([exit, stderr], [0, ''])
    assert.match(stdout, /^novaana {2}46301$/m)
    assert.equal(await uidOf('novaana'), 46_301)
  })

  it('refresh is exit 1 where FERRY is away, and the last good UID stays', async () => {
    writeFaults(pipe.site.dir, { 'ferry-down': true })
    const { exit, stdout } = await type(['uids', 'refresh', ...options])
    writeFaults(pipe.site.dir, {})
    assert.equal(exit, 1)
    assert.match(stdout, /^novaana {2}failed: .*FERRY/m)
    assert.equal(await uidOf('novaana'), 46_301)
  })

  it('what is no database of the predecessor’s, or a state directory that is not there, is said before anything connects', async () => {
    const other = join(pipe.site.dir, 'other.db')
    writeFileSync(other, 'no database')
    const wrong = await type(['uids', 'import', other, ...options])
    assert.equal(wrong.exit, 2)
    assert.match(wrong.stderr, /other\.db is not the predecessor’s database/)
    const missing = await type(['uids', 'import', '/nonexistent.db', ...options])
    assert.match(missing.stderr, /there is no \/nonexistent\.db: give the path/)
  })
})
