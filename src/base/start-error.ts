// A reason not to start, for the operator to change: main prints it as one line and exits with code 2
// before anything listens (README.md#configuration).

export class StartError extends Error {
  override readonly name = 'StartError'
  readonly exitCode = 2
}
