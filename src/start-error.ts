// A reason not to start: the command prints it as one line and exits with code 2 before listening.

export class StartError extends Error {
  override readonly name = 'StartError'
  readonly exitCode = 2
}
