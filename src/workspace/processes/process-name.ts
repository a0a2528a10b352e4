// A name for this process that no other has, also across reboots: boot, process id and start time. What a
// daemon leaves behind carries it, so that the next one can tell whether its owner still lives.

import { readFile } from 'node:fs/promises'

const NAME = /^([0-9a-f-]+)-(\d+)-(\d+)$/

export async function processName(): Promise<string> {
  return `${await bootId()}-${process.pid}-${(await startTime(process.pid)) ?? '0'}`
}

/** Whether the process of that name lives; false for what is no such name. */
export async function isAlive(name: string): Promise<boolean> {
  const [, boot, pid, started] = NAME.exec(name) ?? []
  return boot === (await bootId()) && (await startTime(Number(pid))) === started
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '0')).trim()
}

/** Field 22 of /proc/<pid>/stat, in clock ticks since boot; undefined where no such process lives. */
async function startTime(pid: number): Promise<string | undefined> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The name in field 2 may hold blanks and brackets; the fields are counted after its last bracket.
  return line.slice(line.lastIndexOf(')') + 2).split(' ')[19]
}
