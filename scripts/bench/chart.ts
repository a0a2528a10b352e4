// The picture of a run, as SVG, from the same numbers as its tables. Figures: a bar for each measure as a part of its
// limit, so that a bar that ends left of the line at 1 holds. Alternatives: a bar for each, as a multiple of our own,
// on a scale of powers of ten. Colours suit a light and a dark page.

import type { Comparison } from './comparing.ts'
import { held, valueOf, type Row } from './figure.ts'
import type { Report } from './report.ts'
import { amount } from './table.ts'

const WIDTH = 960
const LEFT = 430
const PLOT = 330
const LINE = 20
const TITLE = 34
/** Longest bar; longer ones are cut there and end in an arrow. */
const MOST_PART = 2
const MOST_DECADES = 3

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #3f4650 }
  .title { font-weight: 600; font-size: 14px }
  .number { font-variant-numeric: tabular-nums }
  .held { fill: #3a8f6a } .missed { fill: #c8642c } .other { fill: #7d8fa3 } .ours { fill: #3a8f6a }
  .axis { stroke: #8a929c; stroke-width: 1; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) { text { fill: #c3cad2 } }
`

interface Bar {
  readonly label: string
  /** Share of the plot's width, 0 to 1. */
  readonly length: number
  readonly cut: boolean
  readonly kind: 'held' | 'missed' | 'other' | 'ours'
  readonly number: string
}

export function chart({ machine, date, rows, comparing }: Report): string {
  const parts: string[] = []
  let y = 10
  const section = (title: string, bars: readonly Bar[], axis: number): void => {
    if (bars.length === 0) return
    parts.push(`<text class="title" x="10" y="${y + 18}">${escaped(title)}</text>`)
    const top = y + TITLE
    bars.forEach((bar, i) => parts.push(drawn(bar, top + i * LINE)))
    y = top + bars.length * LINE + 12
    const x = LEFT + axis * PLOT
    parts.push(`<line class="axis" x1="${x}" x2="${x}" y1="${top - 4}" y2="${y - 10}"/>`)
  }
  section('Each figure as a part of what it may be: left of the line holds', rows.map(figureBar), 1 / MOST_PART)
  for (const [ask, compared] of Map.groupBy(comparing?.rows ?? [], ({ ask: name }) => name)) {
    const bars = compared.flatMap(peerBar)
    if (bars.length > 1) section(`${ask}: times our own (powers of ten)`, bars, 1 / (MOST_DECADES + 1))
  }
  parts.push(`<text x="10" y="${y + 10}">${escaped(`${machine}, ${date}`)}</text>`)
  const height = y + 24
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>Benchmarks of workspace-runtime</title>
<style>${STYLE}</style>
${parts.join('\n')}
</svg>
`
}

function figureBar(row: Row): Bar {
  const part = partOf(row)
  const holds = held(row)
  const floor = row.floor === undefined ? '' : `, ${valueOf(row).toFixed(2)} × ${row.floor.name}`
  return {
    label: `${row.figure}  ${row.measure}`,
    length: Math.min(part / MOST_PART, 1),
    cut: part > MOST_PART,
    kind: holds ? 'held' : 'missed',
    number: `${amount(row.ours)} ${row.unit}${floor}`,
  }
}

/** Returns the measure as a part of its limit; if more is better, the limit as a part of the measure. */
function partOf(row: Row): number {
  if ('atLeast' in row.hold) return row.hold.atLeast / valueOf(row)
  const { atMost, plus = 0 } = row.hold
  const most = row.floor === undefined ? atMost : row.floor.value * atMost + plus
  return most === 0 ? Number(row.ours > 0) * MOST_PART : Math.max(0, row.ours / most)
}

/** Returns the bar of a peer; a tenth of our time begins the plot. */
function peerBar({ peer, ms, ratio, failed }: Comparison, i: number): Bar[] {
  if (failed !== undefined || ms === undefined) return []
  const decades = ratio === undefined ? 0 : Math.log10(ratio)
  const number = `${amount(ms)} ms${ratio === undefined ? '' : `, ${ratio.toFixed(2)} ×`}`
  if (ratio === undefined) return []
  const length = Math.min(Math.max((decades + 1) / (MOST_DECADES + 1), 0.005), 1)
  return [{ label: peer, length, cut: decades > MOST_DECADES, kind: i === 0 ? 'ours' : 'other', number }]
}

function drawn({ label, length, cut, kind, number }: Bar, y: number): string {
  const width = Math.max(1, length * PLOT)
  return [
    `<text x="${LEFT - 10}" y="${y + 12}" text-anchor="end">${escaped(label)}</text>`,
    `<rect class="${kind}" x="${LEFT}" y="${y + 2}" width="${width.toFixed(1)}" height="12" rx="2"/>`,
    `<text class="number" x="${LEFT + PLOT + 10}" y="${y + 12}">${escaped(cut ? `› ${number}` : number)}</text>`,
  ].join('')
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
