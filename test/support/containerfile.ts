// A Containerfile as far as ours goes: its stages with their instructions, build arguments put in. No engine is asked.

export interface Instruction {
  readonly name: string
  readonly flags: readonly string[]
  readonly text: string
}

export interface Stage {
  readonly name: string
  readonly image: string
  readonly instructions: readonly Instruction[]
}

const LINE = /^([A-Z]+)((?: +--[\w-]+=\S+)*) +(.+)$/

export function readContainerfile(source: string): readonly Stage[] {
  const defaults = new Map<string, string>()
  const stages: (Stage & { instructions: Instruction[] })[] = []
  const joined = source.replaceAll(/^ *#.*\n/gm, '').replaceAll(/\\\n\s*/g, '')
  for (const line of joined.split('\n').filter((one) => one.trim() !== '')) {
    const [, name = '', flags = '', raw = ''] = LINE.exec(line) ?? []
    if (name === '') throw new Error(`not an instruction: ${line}`)
    const text = raw.replaceAll(/\$\{(\w+)\}/g, (_, argument: string) => defaults.get(argument) ?? `no ${argument}`)
    if (name === 'FROM') {
      const [, image = '', as = ''] = /^(\S+) AS (\S+)$/.exec(text) ?? []
      stages.push({ name: as, image, instructions: [] })
    } else if (name === 'ARG' && text.includes('=')) {
      const [argument = '', value = ''] = text.split('=')
      defaults.set(argument, value)
    } else {
      stages.at(-1)?.instructions.push({ name, flags: flags.split(' ').filter((flag) => flag !== ''), text })
    }
  }
  return stages
}
