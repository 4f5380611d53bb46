/** An end that the reader of the message can do something about. */
export class GiveUp extends Error {
  override readonly name = 'GiveUp'
  readonly exitCode: 1 | 2
  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message)
    this.exitCode = exitCode
  }
}
