// Makes tar archives byte by byte, also such as no program would write: header blocks with any field, PAX records,
// GNU's long names, padding and the end. `archive(member({ name: 'a', content: 'x' }))` is a whole one.

export interface RawHeader {
  readonly name?: string | Buffer
  readonly type?: string
  readonly linkName?: string | Buffer
  readonly size?: number
  readonly mode?: number
  readonly mtime?: number
  /** ustar prefix. */
  readonly prefix?: string
  /** Written over the finished block, at these offsets; the checksum is made afterwards. */
  readonly patch?: readonly (readonly [offset: number, bytes: string | Buffer])[]
  /** Written instead of the right one. */
  readonly checksum?: number
  readonly magic?: string
}

const BLOCK = 512

const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`

export function header(raw: RawHeader): Buffer {
  const block = Buffer.alloc(BLOCK)
  const put = (at: number, bytes: string | Buffer): void => void Buffer.from(bytes as string).copy(block, at)
  put(0, raw.name ?? 'file')
  put(100, octal(raw.mode ?? 0o644, 7))
  put(108, octal(12345, 7))
  put(116, octal(12345, 7))
  put(124, octal(raw.size ?? 0, 11))
  put(136, octal(raw.mtime ?? 1_000_000_000, 11))
  put(156, raw.type ?? '0')
  put(157, raw.linkName ?? '')
  put(257, raw.magic ?? 'ustar\u000000')
  put(345, raw.prefix ?? '')
  for (const [offset, bytes] of raw.patch ?? []) put(offset, bytes)
  return summed(block, raw.checksum)
}

/** Writes the checksum into a block, the right one unless another is given. */
export function summed(block: Buffer, checksum?: number): Buffer {
  block.fill(' ', 148, 156)
  const sum = checksum ?? block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

export function padded(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content as string)
  return Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.byteLength % BLOCK)) % BLOCK)])
}

export interface RawMember extends RawHeader {
  readonly content?: string | Buffer
}

/** A header and its content; `size` says something else than the content's where it is given. */
export function member(raw: RawMember): Buffer {
  const content = Buffer.from((raw.content ?? '') as string)
  return Buffer.concat([header({ size: content.byteLength, ...raw }), padded(content)])
}

/** One PAX record, with the length it should have. */
export function record(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from('\n')])
  let length = rest.byteLength + 1
  while (`${length}`.length + rest.byteLength !== length) length++
  return Buffer.concat([Buffer.from(`${length}`), rest])
}

/** A PAX header about the member after it (`x`), or about all that follow (`g`). */
export function pax(fields: Readonly<Record<string, string | Buffer>>, type: 'x' | 'g' = 'x'): Buffer {
  const content = Buffer.concat(Object.entries(fields).map(([key, value]) => record(key, value)))
  return member({ name: 'PaxHeaders/x', type, content })
}

/** GNU's header for a name (`L`) or link target (`K`) that is too long for the next one. */
export function gnuLong(type: 'L' | 'K', text: string | Buffer): Buffer {
  return member({ name: '././@LongLink', type, content: Buffer.concat([Buffer.from(text as string), Buffer.alloc(1)]) })
}

export const END = Buffer.alloc(2 * BLOCK)

/** The parts and the end. */
export function archive(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([...parts, END])
}
