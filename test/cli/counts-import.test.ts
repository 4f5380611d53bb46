/** The predecessor's counts of errors in a row are taken over, once, from its own kind of database. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { matchCounts, readPredecessorCounts } from '../../services/notifier/failures/predecessor-counts.ts'
import { ensureOwned } from '../../shared/bus/streams/topology.ts'
import { siteOf } from '../services/build.ts'
import { siteText } from '../shared/config/site-text.ts'
import { startTestNats } from '../support/nats.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { type } from '../support/terminal.ts'

/** Tables as the predecessor makes them (version 1). */
function writeDatabase(file: string): void {
  const database = new DatabaseSync(file)
  database.exec(`PRAGMA application_id = ${0x5da82553}; PRAGMA user_version = 1;
    CREATE TABLE services (id INTEGER NOT NULL PRIMARY KEY, name STRING UNIQUE NOT NULL);
    CREATE TABLE nodes (id INTEGER NOT NULL PRIMARY KEY, name STRING UNIQUE NOT NULL);
    CREATE TABLE setup_errors (service_id INTEGER UNIQUE, count INTEGER);
    CREATE TABLE push_errors (service_id INTEGER, node_id INTEGER, count INTEGER, UNIQUE(service_id, node_id));
    INSERT INTO services VALUES (1, 'dune_production'), (2, 'gone_production');
    INSERT INTO nodes VALUES (1, 'node1.lab.example'), (2, 'gone.lab.example');
    INSERT INTO setup_errors VALUES (1, 2), (2, 5);
    INSERT INTO push_errors VALUES (1, 1, 1), (1, 2, 3), (2, 1, 0);`)
  database.close()
}

describe('managed-tokens counts import', () => {
  it('takes the counts of what is configured: setup errors are of the entry, push errors of the node', async () => {
    await using directory = await makeDirectory()
    const file = join(directory.path, 'uid.db')
    writeDatabase(file)
    assert.deepEqual(matchCounts(readPredecessorCounts(file), siteOf()), {
      counts: [
        { failing: { entry: 'dune_production', kind: 'refresh', name: 'dune_production' }, count: 2 },
        { failing: { entry: 'dune_production', kind: 'node', name: 'node1.lab.example' }, count: 1 },
      ],
      unknown: ['gone_production', 'dune_production on gone.lab.example'],
    })
  })

  it('writes them once, and says what was left out', async () => {
    await using directory = await makeDirectory()
    await using nats = await startTestNats()
    {
      await using bus = await nats.connect('notifier')
      await ensureOwned(bus, 'notifier')
    }
    const [file, config] = [join(directory.path, 'uid.db'), join(directory.path, 'managedTokens.yml')]
    writeDatabase(file)
    writeFileSync(config, siteText())
    const words = ['counts', 'import', file, '-c', config, '--state', nats.stateRoot, '--nats', nats.url]
    const first = await type(words)
    assert.deepEqual(first, {
      exit: 0,
      stdout:
        'Took over 2 counts of failures in a row; not configured, so left out: gone_production, dune_production on gone.lab.example.\n',
      stderr: '',
    })
    const again = await type([...words, '--json'])
    assert.deepEqual(JSON.parse(again.stdout), {
      ...{ imported: 0, kept: 2, unknown: ['gone_production', 'dune_production on gone.lab.example'] },
    })
  })

  it('says of another file what is wrong with it', () => {
    assert.throws(
      () => readPredecessorCounts('/nonexistent.db'),
      /there is no \/nonexistent\.db: give the path/,
    )
    assert.throws(
      () => readPredecessorCounts('/etc/passwd'),
      /\/etc\/passwd is not the predecessor’s database/,
    )
  })
})
