/** Tells how a run goes: one line that is rewritten on a terminal, a plain line for each piece of news otherwise. */
import pc from 'picocolors'
import type { RunNews } from './follow-run.ts'

/** Where progress is written: standard error, so that standard output stays the answer. */
export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface Progress {
  news(one: RunNews): void
  /** Clears the rewritten line. */
  done(): void
}

/** Progress of a run that started `startedAt` (milliseconds since the epoch). */
export function showProgress(output: Output, startedAt: number): Progress {
  const counts = { ready: 0, stored: 0, pushed: 0, failed: 0 }
  return {
    news(one) {
      if (one.kind === 'finished') return
      counts[one.kind] += 1
      const seconds = ((Date.parse(one.body.at) - startedAt) / 1_000).toFixed(1).padStart(5)
      const line = `${pc.dim(`${seconds} s`)}  ${sentenceOf(one)}`
      if (!output.isTTY || one.kind === 'failed') output.write(`${output.isTTY ? '\r\u001b[K' : ''}${line}\n`)
      if (output.isTTY) {
        const summary = `${counts.ready} tokens ready, ${counts.stored} stored, ${counts.pushed} pushed, ${counts.failed} failed`
        output.write(`\r\u001b[K${summary}  ${pc.dim(sentenceOf(one))}`.slice(0, (output.columns ?? 80) + 10))
      }
    },
    done() {
      if (output.isTTY) output.write('\r\u001b[K')
    },
  }
}

/** One piece of news as a sentence. */
export function sentenceOf(one: Exclude<RunNews, { kind: 'finished' }>): string {
  const { entry } = one.body
  switch (one.kind) {
    case 'ready':
      return `${entry}: token ready${one.body.reused ? ' (the last one is still good)' : ''}`
    case 'stored':
      return `${entry}: stored in ${one.body.credd}`
    case 'pushed':
      return `${entry}: pushed to ${one.body.node}${one.body.warning ? ` (${one.body.warning})` : ''}`
    case 'failed':
      return pc.red(`${entry}: ${one.body.message} [${one.body.code}]`)
  }
}
