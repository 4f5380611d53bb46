/** Nothing of the predecessor's is changed by a look at it: no byte, no time of a change, no file beside its database. */
import assert from 'node:assert/strict'
import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { reportPredecessor } from '../../../../cli/setup/predecessor/report.ts'
import { makePredecessorDatabase } from '../../../interop/support/predecessor.ts'

const fixture = join(import.meta.dirname, '../../../fixtures/managedTokens.yml')

function snapshot(directory: string): unknown[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(directory, name)
      const { mtimeMs, ctimeMs, mode, uid, size } = lstatSync(path)
      return [
        name,
        mtimeMs,
        ctimeMs,
        mode,
        uid,
        size,
        lstatSync(path).isFile() ? readFileSync(path, 'hex') : '',
      ]
    })
}

test('a predecessor that was looked at is as it was', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'mt-predecessor-'))
  t.after(() => rmSync(root, { recursive: true }))
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  put('etc/cron.d/managed-tokens', '58 * * * * rexbatch /usr/bin/token-push\n')
  mkdirSync(join(root, 'etc/managed-tokens'))
  cpSync(fixture, join(root, 'etc/managed-tokens/managedTokens.yml'))
  put('srv/keytabs/muonpro.keytab', 'x')
  mkdirSync(join(root, 'var/lib/lab'), { recursive: true })
  makePredecessorDatabase(join(root, 'var/lib/lab/managed-tokens.db'))
  const before = snapshot(root)

  const said: string[] = []
  t.mock.method(process.stdout, 'write', (text: string) => said.push(text) > 0)
  const codes = [reportPredecessor(root, false), reportPredecessor(root, true)]
  t.mock.restoreAll()

  assert.deepEqual(snapshot(root), before)
  assert.deepEqual(codes, [0, 0])
  const [text = '', json = ''] = said
  assert.match(
    text,
    /^ {2}muons_production: muonpro on east2\.lab\.example; \/srv\/keytabs\/muonpro\.keytab$/m,
  )
  assert.match(text, /^ {2}atlas-west_production: atlaspro \(UID 40123\) .*atlas\.keytab is not there$/m)
  assert.match(text, /^\/var\/lib\/lab\/managed-tokens\.db has 1 UIDs and 0 counts/m)
  assert.match(text, /managed-tokens uids import \/var\/lib\/lab\/managed-tokens\.db/)
  assert.doesNotMatch(text + json, /planted-webhook/)
  assert.equal(JSON.parse(json).served.length, 3)
})
