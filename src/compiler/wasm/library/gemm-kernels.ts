import type { ModuleBuilder } from "../assembler.ts";
import type { FunctionBuilder, FunctionRef, ValueType } from "../assembler-function.ts";

/** How a register tile finds its rows of A. */
export type TileSource =
  /** Row i stands 4·i bytes after row 0: a packed panel, or A with unit row stride. */
  | "panel"
  /** Row i stands i·`aRow` bytes after row 0. */
  | "rows";

/** Shape of a register tile: `rows` × 4·`vectors` elements of C. */
export interface TileShape {
  readonly rows: number;
  readonly vectors: number;
  readonly source: TileSource;
}

/** Parameters of every tile function, in order; all i32, strides in bytes. */
export const tileParams: readonly ValueType[] = [
  "i32", // a: first element of A
  "i32", // aStep: from k to k + 1
  "i32", // aRow: from row to row (unused by panels)
  "i32", // b: first element of B
  "i32", // bStep: from k to k + 1; the 4·vectors columns are adjacent
  "i32", // depth: number of k
  "i32", // c: first element of C
  "i32", // cRow: from row to row of C
  "i32", // add: 0 stores the product, 1 adds it to C
];

/** Pops a, b; adds a·b to the f32x4 local `acc`. */
export function multiplyAdd(f: FunctionBuilder, acc: number, fma: boolean): void {
  if (fma) f.get(acc).emit("f32x4.relaxed_madd").set(acc);
  else f.emit("f32x4.mul").get(acc).emit("f32x4.add").set(acc);
}

/**
 * One register tile: C[rows, 4·vectors] = or += Σₖ A[:, k]·B[k, :].
 *
 * The form is deliberate. TurboFan's scheduler (Node 20, 22) places each multiply-add beside its
 * load only when it meets the accumulators last row first, which happens when the loop is guarded
 * and not unrolled and the final stores run from the last accumulator to the first. Any other
 * order hoists all loads above the arithmetic, spills, and halves the speed.
 */
function renderTile(module: ModuleBuilder, shape: TileShape, fma: boolean): FunctionRef {
  const { rows, vectors, source } = shape;
  return module.function(`tile_${source}_${rows}x${4 * vectors}`, tileParams, [], (f) => {
    const [a, aStep, aRow, b, bStep, depth, c, cRow, add] = tileParams.keys();
    const acc = f.locals("v128", rows * vectors);
    const rowAt = [a, ...f.locals("i32", source === "rows" ? rows - 1 : 0)];
    chainRows(f, rowAt, aRow);
    const bVector = f.locals("v128", vectors);
    const aVector = f.local("v128");
    const loadB = (j: number): FunctionBuilder => f.get(b).load("v128.load", 16 * j, 2);
    f.block((done) => {
      f.get(depth).emit("i32.eqz").brIf(done);
      f.loop((again) => {
        // A single row uses each vector of B once: keeping them all would cost registers.
        if (rows > 1) bVector.forEach((v, j) => loadB(j).set(v));
        for (let i = 0; i < rows; i++) {
          if (source === "panel") f.get(a).load("v128.load32_splat", 4 * i);
          else f.get(rowAt[i]).load("v128.load32_splat");
          f.set(aVector);
          bVector.forEach((v, j) => {
            f.get(aVector);
            if (rows > 1) f.get(v);
            else loadB(j);
            multiplyAdd(f, acc[i * vectors + j], fma);
          });
        }
        for (const row of rowAt) f.get(row).get(aStep).emit("i32.add").set(row);
        f.get(b).get(bStep).emit("i32.add").set(b);
        f.get(depth).i32(1).emit("i32.sub").tee(depth).brIf(again);
      });
    });
    storeTile(f, acc, vectors, c, cRow, add);
  });
}

/** Sets row pointers 1.. to the one before plus `stride`. */
function chainRows(f: FunctionBuilder, rowAt: readonly number[], stride: number): void {
  rowAt.slice(1).forEach((row, i) => f.get(rowAt[i]).get(stride).emit("i32.add").set(row));
}

function storeTile(
  f: FunctionBuilder,
  acc: readonly number[],
  vectors: number,
  c: number,
  cRow: number,
  add: number,
): void {
  const rowAt = [c, ...f.locals("i32", acc.length / vectors - 1)];
  chainRows(f, rowAt, cRow);
  const elements = acc.map((sum, n) => ({
    sum,
    row: rowAt[Math.floor(n / vectors)],
    offset: 16 * (n % vectors),
  }));
  f.get(add).if(() => {
    for (const { sum, row, offset } of elements) {
      f.get(row).load("v128.load", offset, 2).get(sum).emit("f32x4.add").set(sum);
    }
  });
  for (const { sum, row, offset } of elements.reverse()) {
    f.get(row).get(sum).store("v128.store", offset, 2);
  }
}

/** The register tiles of one library: full panels, and rows of every height. */
export interface Tiles {
  /** Rows of a full tile: 6 with fused multiply-add, 5 without. */
  readonly rows: number;
  /** Full tile, 8 columns, rows adjacent. */
  readonly panel: FunctionRef;
  /** `wide[h]`: h rows, 8 columns, any row stride; h = 1..rows. */
  readonly wide: readonly FunctionRef[];
  /** `narrow[h]`: h rows, 4 columns, any row stride; h = 1..rows. */
  readonly narrow: readonly FunctionRef[];
  /** One row, 32 columns. */
  readonly row32: FunctionRef;
  /** Two rows, 16 columns. */
  readonly row16: FunctionRef;
}

/** Columns of a packed panel of B. */
export const PANEL = 8;

/** Rows of a full tile: what leaves V8's 15 usable vector registers unspilled. */
export function tileRows(fma: boolean): number {
  return fma ? 6 : 5;
}

/** Adds all register tiles to the library. */
export function renderTiles(module: ModuleBuilder, fma: boolean): Tiles {
  const rows = tileRows(fma);
  const tile = (height: number, vectors: number, source: TileSource = "rows"): FunctionRef =>
    renderTile(module, { rows: height, vectors, source }, fma);
  const heights = Array.from({ length: rows }, (_, i) => i + 1);
  const wide = heights.map((height) => tile(height, 2));
  const narrow = heights.map((height) => tile(height, 1));
  return {
    rows,
    panel: tile(rows, 2, "panel"),
    // Index by height; there is no tile of height 0.
    wide: [wide[0], ...wide],
    narrow: [narrow[0], ...narrow],
    row32: tile(1, 8),
    row16: tile(2, 4),
  };
}
