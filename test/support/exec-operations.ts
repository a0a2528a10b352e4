// The exec operations of all files under one name.

export * from '../../src/operations/exec-get.ts'
export * from '../../src/operations/exec-run.ts'
export * from '../../src/operations/exec.ts'
