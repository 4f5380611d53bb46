/** Lets other users than root work with a site. */
import { appendFileSync, chmodSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run } from './real-programs.ts'

/** The stand-ins of HTCondor and htgettoken write down what they are asked, as whoever runs them. */
export function openToOthers(directory: string): void {
  chmodSync(dirname(directory), 0o755)
  run('chmod', ['a+rwX', directory])
  for (const name of ['credds', 'held', 'holds', 'storers']) {
    mkdirSync(join(directory, name), { recursive: true })
    run('chmod', ['-R', 'a+rwX', join(directory, name)])
  }
  for (const name of ['calls.jsonl', 'misuse.jsonl', 'together.jsonl']) {
    appendFileSync(join(directory, name), '')
    chmodSync(join(directory, name), 0o666)
  }
}
