/** What an output can show: its width, and whether colours belong there. Decided for each stream, since either may be a file. */
import pc from 'picocolors'
import { environment } from '../../shared/config/environment.ts'

/** Where something is written: a terminal or not. */
export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface View {
  readonly colours: ReturnType<typeof pc.createColors>
  /** Characters in a line; infinite where it is no terminal. */
  readonly columns: number
}

/** The view of an output; `NO_COLOR` and `TERM=dumb` are respected. */
export function viewOf(
  { isTTY = false, columns }: Pick<Output, 'isTTY' | 'columns'>,
  { NO_COLOR, TERM }: Pick<typeof environment, 'NO_COLOR' | 'TERM'> = environment,
): View {
  return {
    colours: pc.createColors(isTTY && !NO_COLOR && TERM !== 'dumb'),
    // A terminal that does not know its size says 0.
    columns: isTTY ? columns || 80 : Number.POSITIVE_INFINITY,
  }
}
