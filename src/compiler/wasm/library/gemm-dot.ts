import type { ModuleBuilder } from "../assembler.ts";
import type { FunctionBuilder, FunctionRef, ValueType } from "../assembler-function.ts";
import { countDown, increase, pushMin } from "./control.ts";
import { multiplyAdd } from "./gemm-kernels.ts";

/** Parameters of a dot tile; all i32, strides in bytes. */
const dotParams: readonly ValueType[] = [
  "i32", // a: first row of A, contiguous along k
  "i32", // aRow
  "i32", // b: first column of B, contiguous along k
  "i32", // bCol
  "i32", // depth
  "i32", // c
  "i32", // cRow
  "i32", // columns: 1..4 of them are valid
  "i32", // add
];

const COLUMNS = 4;

/** `dot[h]`: h rows × 4 columns of C as dot products along contiguous k; h = 1, 2. */
export function renderDotTiles(module: ModuleBuilder, fma: boolean): readonly FunctionRef[] {
  const [one, two] = [1, 2].map((rows) =>
    module.function(`dot_${rows}x${COLUMNS}`, dotParams, [], (f) => renderDot(f, rows, fma)),
  );
  return [one, one, two];
}

function renderDot(f: FunctionBuilder, rows: number, fma: boolean): void {
  const [a, aRow, b, bCol, depth, c, cRow, columns, add] = dotParams.keys();
  const acc = f.locals("v128", rows * COLUMNS);
  const aAt = [a, ...f.locals("i32", rows - 1)];
  const bAt = [b, ...f.locals("i32", COLUMNS - 1)];
  const [count, wanted, last] = f.locals("i32", 3);
  aAt.slice(1).forEach((row, i) => f.get(aAt[i]).get(aRow).emit("i32.add").set(row));
  f.get(columns).i32(1).emit("i32.sub").set(last);
  // Columns past the valid ones repeat the last: reading them would leave B.
  bAt.slice(1).forEach((column, i) => {
    f.i32(i + 1).set(wanted);
    f.get(b);
    pushMin(f, wanted, last);
    f.get(bCol).emit("i32.mul", "i32.add").set(column);
  });
  const aVector = f.locals("v128", rows);
  const bVector = f.local("v128");
  f.get(depth).i32(2).emit("i32.shr_u").set(count);
  countDown(f, count, () => {
    aVector.forEach((v, i) => f.get(aAt[i]).load("v128.load", 0, 2).set(v));
    bAt.forEach((column, j) => {
      f.get(column).load("v128.load", 0, 2).set(bVector);
      aVector.forEach((v, i) => {
        f.get(v).get(bVector);
        multiplyAdd(f, acc[j * rows + i], fma);
      });
    });
    for (const line of [...aAt, ...bAt]) increase(f, line, { value: 16 });
  });
  const sums = aAt.map((_, i) =>
    sumLanes(
      f,
      bAt.map((_, j) => acc[j * rows + i]),
    ),
  );
  f.get(depth).i32(3).emit("i32.and").set(count);
  countDown(f, count, () => {
    f.get(bAt[0]).load("v128.load32_zero").set(bVector);
    for (let j = 1; j < COLUMNS; j++) {
      f.get(bAt[j]).get(bVector).memoryLane("v128.load32_lane", j).set(bVector);
    }
    sums.forEach((sum, i) => {
      f.get(aAt[i]).load("v128.load32_splat").get(bVector);
      multiplyAdd(f, sum, fma);
    });
    for (const line of [...aAt, ...bAt]) increase(f, line, { value: 4 });
  });
  for (const sum of sums) {
    storeColumns(f, sum, c, columns, add);
    increase(f, c, { local: cRow });
  }
}

/** Sums the lanes of four vectors into the lanes of one; returns its local. */
function sumLanes(f: FunctionBuilder, vectors: readonly number[]): number {
  const [v0, v1, v2, v3] = vectors;
  const pairs = f.locals("v128", 2);
  [
    [v0, v1],
    [v2, v3],
  ].forEach(([x, y], i) => {
    f.get(x).get(y).shuffle32(0, 4, 1, 5).get(x).get(y).shuffle32(2, 6, 3, 7);
    f.emit("f32x4.add").set(pairs[i]);
  });
  f.get(pairs[0]).get(pairs[1]).shuffle32(0, 1, 4, 5);
  f.get(pairs[0]).get(pairs[1]).shuffle32(2, 3, 6, 7);
  f.emit("f32x4.add").set(pairs[0]).release(pairs[1]);
  return pairs[0];
}

/** Stores (or adds) the first `columns` lanes of `sum` at `c`. */
function storeColumns(
  f: FunctionBuilder,
  sum: number,
  c: number,
  columns: number,
  add: number,
): void {
  f.get(columns).i32(COLUMNS).emit("i32.eq");
  f.if(
    () => {
      f.get(add).if(() => {
        f.get(c).load("v128.load", 0, 2).get(sum).emit("f32x4.add").set(sum);
      });
      f.get(c).get(sum).store("v128.store", 0, 2);
    },
    () => {
      for (let j = 0; j < COLUMNS - 1; j++) {
        f.get(columns).i32(j).emit("i32.gt_s");
        f.if(() => {
          f.get(c);
          f.get(add).if(
            () => f.get(c).load("f32.load", 4 * j),
            () => f.f32(0),
            "f32",
          );
          f.get(sum).lane("f32x4.extract_lane", j).emit("f32.add");
          f.store("f32.store", 4 * j);
        });
      }
    },
  );
}
