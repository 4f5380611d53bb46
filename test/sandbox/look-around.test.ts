import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { layoutOf } from '../../sandbox/layout.ts'
import { lookAround } from '../../sandbox/look-around.ts'

test('after a run without faults one is to be tried, and of mails nobody got there is no word', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'mt-look-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const layout = layoutOf(dir)
  mkdirSync(layout.mail)
  const text = lookAround(layout, '--fault node-down=dunegpvm01')
  assert.match(text, /ls -l \S+\/nodes\/\*\/tmp +what jobs find on each node\n/)
  assert.match(text, /--fault node-down=dunegpvm01\n/)
  assert.doesNotMatch(text, /told by/)
})

test('after a run with faults what people were told is shown', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'mt-look-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const layout = layoutOf(dir)
  for (const directory of [layout.mail, layout.slack]) mkdirSync(directory)
  for (const name of ['1.eml', '2.eml']) writeFileSync(join(layout.mail, name), '')
  const text = lookAround(layout, undefined)
  assert.match(text, /head -n 40 \S+\/mail\/\* +what people were told by mail, 2 in all\n/)
  assert.doesNotMatch(text, /by Slack|Now break something/)
})
