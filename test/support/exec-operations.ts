// The exec operations under one name, whichever files declare them.

export * from '../../src/operations/exec-get.ts'
export * from '../../src/operations/exec-run.ts'
export * from '../../src/operations/exec.ts'
