// The rows of a run as text, at most 120 columns wide.

import { held, valueOf, type Row } from './figure.ts'

const COLUMNS = ['#', 'measure', 'ours', 'floor', '', 'ratio', 'hold', ''] as const

export function table(rows: readonly Row[]): string {
  const cells = [COLUMNS, ...rows.map(cellsOf)]
  const widths = COLUMNS.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)))
  const left = new Set([0, 1, 4, 7])
  const lines = cells.map((row) =>
    row
      .map((cell, i) => (left.has(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
  lines.splice(1, 0, '-'.repeat(Math.max(...lines.map((line) => line.length))))
  return lines.join('\n')
}

/** Returns "N held, N missed". */
export function verdict(rows: readonly Row[]): string {
  const holding = rows.filter(held).length
  return `${holding} held, ${rows.length - holding} missed`
}

function cellsOf(row: Row): string[] {
  const { floor, unit, spread } = row
  return [
    row.figure,
    row.measure,
    `${amount(row.ours)}${spread === undefined ? '     ' : ` ±${String(Math.round(spread * 100)).padStart(2)}%`} ${unit}`,
    floor === undefined ? '' : amount(floor.value),
    floor?.name ?? '',
    floor === undefined ? '' : valueOf(row).toFixed(2),
    limit(row),
    held(row) ? 'held' : 'missed',
  ]
}

export function limit({ hold, unit, floor }: Row): string {
  if ('atLeast' in hold) return `>= ${hold.atLeast.toFixed(2)}`
  if (floor === undefined) return `<= ${hold.atMost} ${unit}`
  return `<= ${hold.atMost.toFixed(2)}${hold.plus === undefined ? '' : ` + ${hold.plus} ${unit}`}`
}

/** Returns a number with three significant digits. */
export function amount(value: number): string {
  if (value >= 1000) return String(Math.round(value))
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
