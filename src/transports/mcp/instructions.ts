// What a model is told about this server before it sees a tool. Some clients cut after 512 characters
// (mcp.md 3.3), so the core stays below and needs nothing that follows it.

/** Longest core, in characters. */
export const CORE_LENGTH = 512

export function instructions(workdir: string): string {
  const full = core(` Commands start in ${workdir}.`)
  return full.length <= CORE_LENGTH ? full : core('')
}

function core(place: string): string {
  return (
    `Files, search and commands in a developer workspace. Paths are absolute.${place} ` +
    'Look: file_list, file_read, search_content, search_files. Change: file_write (whole file or append). ' +
    'Run: exec_run takes an argv array, or one string for the shell, and answers at the end; with background true it ' +
    'answers at once with an id for exec_get (output), exec_input (stdin), exec_delete (end it). ' +
    'Long replies are capped and say truncated; read ranges of lines.'
  )
}
