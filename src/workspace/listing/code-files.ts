// Which files count as source code, for operations: the walker decides with the same names.

export { extensionOf, isCodeFile } from '../../threads/walk/code-files.ts'
