import { formatNumber } from "../progress-bar.ts";

/** A return at a step. */
export type CurvePoint = readonly [step: number, value: number];

/** Bits of the eight dots of a braille sign: two columns of four, from the top. */
const dotBits = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;

/** What {@link returnCurve} draws into. */
export interface CurveSize {
  /** Characters of the whole, labels included. */
  readonly columns: number;
  /** Lines of the drawing, without the one of steps below. */
  readonly rows: number;
  /** Step at the right edge. */
  readonly totalSteps: number;
  /** A level that is drawn as a dashed line, such as the return that counts as solved. */
  readonly goal?: number | undefined;
}

/**
 * A curve of returns over steps in characters: lines of braille dots with the range at the left and
 * the steps below.
 */
export function returnCurve(points: readonly CurvePoint[], size: CurveSize): string[] {
  const { rows, totalSteps, goal } = size;
  const values = points.map(([, value]) => value).concat(goal ?? []);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const labels = [formatNumber(round(high)), formatNumber(round(low))];
  const margin = Math.max(...labels.map((label) => label.length));
  const width = Math.max(8, size.columns - margin - 2);
  const canvas = new Canvas(width, rows);
  const y = (value: number): number =>
    high === low ? rows * 2 : ((high - value) / (high - low)) * (rows * 4 - 1);
  const x = (step: number): number => (Math.min(step, totalSteps) / totalSteps) * (width * 2 - 1);
  if (goal !== undefined) for (let at = 0; at < width * 2; at += 4) canvas.dot(at, y(goal));
  for (const [i, [step, value]] of points.entries()) {
    const [before, last] = points[Math.max(0, i - 1)];
    canvas.line(x(before), y(last), x(step), y(value));
  }
  const drawn = canvas.lines().map((line, row) => {
    const label = row === 0 ? labels[0] : row === rows - 1 ? labels[1] : "";
    return `${label.padStart(margin)} ${line}`;
  });
  const end = String(totalSteps);
  const axis = `${" ".repeat(margin)} 0${end.padStart(width - 1)}`;
  return [...drawn, axis];
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

/** Dots in characters. */
class Canvas {
  readonly #width: number;
  readonly #cells: Uint8Array[];

  constructor(width: number, rows: number) {
    this.#width = width;
    this.#cells = Array.from({ length: rows }, () => new Uint8Array(width));
  }

  dot(x: number, y: number): void {
    const [column, row] = [Math.round(x), Math.round(y)];
    const cells = this.#cells[row >> 2];
    if (cells === undefined || column < 0 || column >= this.#width * 2) return;
    cells[column >> 1] |= dotBits[column & 1][row & 3];
  }

  line(fromX: number, fromY: number, toX: number, toY: number): void {
    const count = Math.max(1, Math.ceil(Math.max(Math.abs(toX - fromX), Math.abs(toY - fromY))));
    for (let i = 0; i <= count; i++) {
      const part = i / count;
      this.dot(fromX + (toX - fromX) * part, fromY + (toY - fromY) * part);
    }
  }

  lines(): string[] {
    return this.#cells.map((cells) =>
      [...cells].map((bits) => String.fromCharCode(0x2800 + bits)).join(""),
    );
  }
}
