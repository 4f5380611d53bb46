/** What a way of putting files on a node is asked, and what it works with. */
import type { CommandOutcome } from '../../../shared/commands/command.ts'
import type { Entry } from '../../../shared/config/site.ts'

/** A file to put on a node. `content` is one line without its newline. */
export interface PlacedFile {
  readonly path: string
  /** `400`: a secret of the account alone. */
  readonly mode: '400' | '644'
  readonly content: string
  /** `false`: its newline is left out, for a consumer that would take it along. */
  readonly newline?: boolean
  /** A failure of this one is a warning, not a failed push. */
  readonly optional?: boolean
}

/** The whole of the file. */
export const textOf = ({ content, newline = true }: PlacedFile): string =>
  newline ? `${content}\n` : content

/** What goes where. */
export interface Push {
  readonly entry: Entry
  readonly node: string
  /** The account's UID on the node: nothing is written under another. */
  readonly uid: number
  readonly files: readonly PlacedFile[]
}

/** A place in a private directory where ssh keeps a connection open for the next push. */
export interface ControlSocket {
  readonly directory: string
  readonly name: string
  /** How long the connection stays after its last push (milliseconds). */
  readonly persistMs: number
  /** There is one already: nobody has to log in. */
  readonly isOpen: boolean
}

/** What a transport works with. */
export interface PushMeans {
  /** The programs' names or paths. */
  readonly ssh: string
  readonly rsync: string
  /** The file with the entry's own ticket; absent where a key opens the node. */
  readonly ccache?: string | undefined
  /** A private directory for what lies on disk during one push. */
  readonly staging: string
  /** Absent: each connection is a new one. */
  readonly control?: ControlSocket
  /** How long each address of the node may take to greet. */
  readonly connectMs: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Whose files, and where. */
export type PushTarget = Pick<Push, 'entry' | 'node'>

export interface Transport {
  /**
   * Puts the files on the node, each whole or not at all, and looks at them there. Returns a warning about optional files, or
   * undefined. Throws Permanent (`host-key-changed`, `destination-squatted`, `wrong-owner` …) or Transient
   * (`node-unreachable`, `disk-full` …).
   */
  readonly place: (push: Push, means: PushMeans) => Promise<string | undefined>
  /** The UID that the account has there. Throws the same, and Transient `account-unknown`. */
  readonly askUid: (target: PushTarget, means: PushMeans) => Promise<number>
}

/** A login shell that echoes what it reads would have the token in the last line, which people are shown. Pure. */
export function withoutContents(outcome: CommandOutcome, files: readonly PlacedFile[]): CommandOutcome {
  const secrets = files.filter(({ mode }) => mode === '400').map(({ content }) => content)
  const hide = (text: string) => secrets.reduce((clean, secret) => clean.replaceAll(secret, '[secret]'), text)
  return { ...outcome, stdout: hide(outcome.stdout), stderr: hide(outcome.stderr) }
}
