/** Tells how a run goes: one line that is rewritten on a terminal, a plain line for each piece of news otherwise. */
import type { TokenRemoved } from '../../shared/contracts/messages.ts'
import type { RunNews } from '../runs/follow-run.ts'
import { type Output, viewOf } from './terminal.ts'

export interface Progress {
  news(one: RunNews): void
  /** A line that stays. */
  say(line: string): void
  /** Clears the rewritten line. */
  done(): void
}

const clear = '\r\u001b[K'

/** Progress on standard error, so that standard output stays the answer, of a run that started `startedAt` (milliseconds since the epoch). */
export function showProgress(output: Output, startedAt: number): Progress {
  const { colours, columns } = viewOf(output)
  const counts = { ready: 0, stored: 0, pushed: 0, removed: 0, failed: 0 }
  const say = (line: string) => void output.write(`${output.isTTY ? clear : ''}${line}\n`)
  /** Cut before it is coloured, and one short of the edge, where some terminals begin a new line. */
  const rewrite = (summary: string, last: string) => {
    const shown = `${summary}  ${last}`.slice(0, columns - 1)
    output.write(`${clear}${shown.slice(0, summary.length)}${colours.dim(shown.slice(summary.length))}`)
  }
  return {
    news(one) {
      if (one.kind === 'finished') return
      counts[one.kind] += 1
      const sentence = sentenceOf(one)
      const seconds = ((Date.parse(one.body.at) - startedAt) / 1_000).toFixed(1).padStart(5)
      if (!output.isTTY || one.kind === 'failed')
        say(`${colours.dim(`${seconds} s`)}  ${one.kind === 'failed' ? colours.red(sentence) : sentence}`)
      const { ready, stored, pushed, removed, failed } = counts
      const good = removed > 0 ? `${removed} removed` : `${ready} ready, ${stored} stored, ${pushed} pushed`
      if (output.isTTY) rewrite(`${good}, ${failed} failed`, sentence)
    },
    say,
    done() {
      if (output.isTTY) output.write(clear)
    },
  }
}

/** One piece of news as a sentence. Pure. */
export function sentenceOf(one: Exclude<RunNews, { kind: 'finished' }>): string {
  const { entry } = one.body
  switch (one.kind) {
    case 'ready':
      return `${entry}: token ready${one.body.reused ? ` (the last one is still good${one.body.left ? ` for ${one.body.left}` : ''})` : ''}`
    case 'stored':
      return `${entry}: stored in ${one.body.credd}${one.body.waitingSince ? `, where no credential monitor has looked at it since ${one.body.waitingSince}` : ''}`
    case 'pushed':
      return `${entry}: pushed to ${one.body.node}${one.body.warning ? ` (${one.body.warning})` : ''}`
    case 'removed':
      return `${entry}: ${removedSentence(one.body)}${one.body.warning ? ` (${one.body.warning})` : ''}`
    case 'failed':
      return `${entry}: ${one.body.message} [${one.body.code}]`
  }
}

function removedSentence({ target, outcome }: TokenRemoved): string {
  const where = target ?? 'Vault or the issuer'
  if (outcome === 'absent') return `nothing was left at ${where}`
  return outcome === 'left' ? `${where} has nothing of ours any more` : `removed from ${where}`
}
