/**
 * Takes each listed protection out, in a copy of the working tree, and looks whether its test goes red, and is green with it.
 * usage: npm run test:protections -- [--row N]... [--list NAME]
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { lists } from './lists.ts'
import type { Protection } from './protection.ts'
import { copyTree, removeTree, runTest, takenOut } from './take-out.ts'

const { values } = parseArgs({
  options: { row: { type: 'string', multiple: true }, list: { type: 'string' } },
})
const wanted = Object.entries(await lists())
  .filter(([name]) => !values.list || name === values.list)
  .flatMap(([, protections]) => protections)
  .filter(({ row }) => !values.row || values.row.includes(String(row)))
  .toSorted((a, b) => a.row - b.row)

const tree = mkdtempSync(join(tmpdir(), 'protections-'))
try {
  await copyTree(tree)
  let unseen = 0
  for (const [index, protection] of wanted.entries()) {
    const said = await judge(protection)
    if (said !== 'red without it') unseen += 1
    const { row, file, test, name } = protection
    console.log(
      `${index + 1} of ${wanted.length}, row ${row}: ${said}\n  ${file}: ${protection.line.trim()}\n  ${test}: ${name}`,
    )
  }
  console.log(`${wanted.length - unseen} of ${wanted.length} seen red`)
  process.exitCode = unseen > 0 ? 1 : 0
} finally {
  removeTree(tree)
}

async function judge(protection: Protection): Promise<string> {
  const before = await runTest(tree, protection)
  if (before !== 'green') return before === 'red' ? 'RED WITH IT' : 'NO SUCH TEST'
  const after = await takenOut(tree, protection, () => runTest(tree, protection))
  if (after === 'red') return 'red without it'
  return after === 'green' ? 'GREEN WITHOUT IT' : 'DOES NOT EVEN LOAD WITHOUT IT'
}
