/** `node cli/probe.ts URL`: the health check of a container. Exit code 0 where the URL answers with success. */
const [url = ''] = process.argv.slice(2)

const answer = await fetch(url, { signal: AbortSignal.timeout(4_000) }).catch((error: Error) => error)
if (answer instanceof Error || !answer.ok) {
  process.stderr.write(`${url}: ${answer instanceof Error ? answer.message : `status ${answer.status}`}\n`)
  process.exitCode = 1
}
