// All measurements of one run, as one value: printed as text or JSON, drawn by chart.ts, written into docs/bench.md.

import type { Comparing, Comparison } from './comparing.ts'
import { held, valueOf, type Range, type Row } from './figure.ts'
import type { GrowthRow } from './growing.ts'
import { amount, limit, table, verdict } from './table.ts'

export interface Report {
  readonly machine: string
  readonly date: string
  readonly command: string
  /** Number of parts that could not be measured. */
  readonly failures: number
  readonly rows: readonly Row[]
  readonly comparing?: Comparing
  readonly growth?: readonly GrowthRow[]
}

export function asJson(report: Report): string {
  const rows = report.rows.map((row) => ({ ...row, ratio: valueOf(row), held: held(row) }))
  return JSON.stringify({ ...report, rows }, null, 2)
}

export function asText({ machine, failures, rows, comparing, growth }: Report): string {
  const parts = [machine]
  if (rows.length > 0) parts.push(table(rows), verdict(rows))
  if (comparing !== undefined) parts.push(plain(comparisonCells(comparing.rows)), ...skippedLines(comparing))
  if (growth !== undefined) parts.push(plain(growthCells(growth)), superlinear(growth))
  if (failures > 0) parts.push(`${failures} could not be measured`)
  return parts.join('\n\n')
}

/** Returns a page of Markdown; `chart` is the name of the picture beside it. */
export function asPage(report: Report, chart: string): string {
  const { machine, date, command, failures, rows, comparing, growth } = report
  const parts = [
    '# Benchmarks',
    `Written by \`${command}\` on ${date}: ${machine}. Medians of interleaved rounds, with the least and the most; each floor was measured in the same run. ${verdict(rows)}${failures > 0 ? `; ${failures} could not be measured` : ''}.`,
    `![Each measure as a part of what it may cost](${chart})`,
    '## Figures',
    markdown([FIGURE_HEAD, ...rows.map(figureCells)]),
  ]
  if (comparing !== undefined) {
    parts.push('## Beside the alternatives', markdown(comparisonCells(comparing.rows)), ...skippedLines(comparing))
  }
  if (growth !== undefined) parts.push('## How cost grows', markdown(growthCells(growth)), superlinear(growth))
  return `${parts.join('\n\n')}\n`
}

const FIGURE_HEAD = ['#', 'Measure', 'Ours', 'least–most', 'Floor', 'Ratio', 'Hold', '']

function figureCells(row: Row): string[] {
  const { figure, measure, ours, unit, range, floor } = row
  const floorText = floor === undefined ? '' : `${floor.name}, ${amount(floor.value)}`
  const ratio = floor === undefined ? '' : valueOf(row).toFixed(2)
  return [
    figure,
    measure,
    `${amount(ours)} ${unit}`,
    rangeText(range),
    floorText,
    ratio,
    limit(row).replace('<=', '≤').replace('>=', '≥'),
    held(row) ? 'held' : '**missed**',
  ]
}

function comparisonCells(rows: readonly Comparison[]): string[][] {
  const cells = rows.map(({ ask, peer, ms, range, ratio, failed }, i) => [
    rows[i - 1]?.ask === ask ? '' : ask,
    peer,
    ms === undefined ? `failed: ${(failed ?? '').split('\n')[0]?.slice(0, 80)}` : `${amount(ms)} ms`,
    rangeText(range),
    ratio === undefined ? '' : `${ratio.toFixed(2)} ×`,
  ])
  return [['To do', 'With', 'Median', 'least–most', 'to ours'], ...cells]
}

function skippedLines({ skipped }: Comparing): string[] {
  const names = Object.entries(skipped).map(([name, why]) => `${name} (${why})`)
  return names.length === 0 ? [] : [`Skipped: ${names.join(', ')}.`]
}

function growthCells(rows: readonly GrowthRow[]): string[][] {
  const cells = rows.map(({ what, unit, points, slope, superlinear: above }) => [
    what,
    points.map(({ size, cost }) => `${size.toLocaleString('en')}: ${amount(cost)}`).join(', '),
    unit,
    slope.toFixed(2),
    above ? 'superlinear' : '',
  ])
  return [['Cost of', 'by size', 'unit', 'slope', ''], ...cells]
}

/** Returns the rows as Markdown. Slope: the exponent over the upper half of the sizes; 1 is proportional. */
function superlinear(rows: readonly GrowthRow[]): string {
  const above = rows.filter((row) => row.superlinear).map(({ what }) => what)
  return `superlinear: ${above.length === 0 ? 'none' : above.join('; ')}`
}

const rangeText = (range: Range | undefined): string =>
  range === undefined ? '' : `${amount(range[0])}–${amount(range[1])}`

/** Returns a table; the first row has the heads. */
function markdown([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  const lines = [line(head), line(head.map(() => '---')), ...rows.map(line)]
  return `<!-- prettier-ignore-start -->\n${lines.join('\n')}\n<!-- prettier-ignore-end -->`
}

function plain(cells: readonly (readonly string[])[]): string {
  const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)))
  const lines = cells.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return lines.toSpliced(1, 0, '-'.repeat(Math.max(...lines.map((line) => line.length)))).join('\n')
}
