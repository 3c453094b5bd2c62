import type { KernelArgument } from "./kernel-code.ts";
import type { MatmulShape } from "./matmul-shape.ts";

/** Sizes and strides of a product, and where its operands begin. */
export type MatmulGeometry = MatmulShape & {
  readonly aOffset: number;
  readonly bOffset: number;
};

/** A way to compute a product: its function, and the launch it needs. */
export interface MatmulKernelText {
  readonly text: string;
  readonly blocks: number;
  readonly sharedBytes: number;
}

const int = (value: number): KernelArgument => ({ kind: "int", value });

/** Arguments after the operands, in the order of {@link parametersText}. */
export function sizes({
  m,
  n,
  k,
  a,
  b,
  d,
  batch,
  aOffset,
  bOffset,
}: MatmulGeometry): KernelArgument[] {
  const batches = batch.flatMap((size, i) => [
    size,
    a.batchStrides[i],
    b.batchStrides[i],
    d.batchStrides[i],
  ]);
  const strides = [aOffset, a.rowStride, a.columnStride, bOffset, b.rowStride, b.columnStride];
  return [m, n, k, ...strides, ...batches].map(int);
}

/** Parameter list all kernels of products share: operands, then {@link sizes}. */
export function parametersText(memory: string, batchDims: number): string {
  const batches = Array.from(
    { length: batchDims },
    (_, i) => `int size${i}, int a_step${i}, int b_step${i}, int d_step${i}, `,
  );
  return (
    `(const ${memory} *a, const ${memory} *b, ${memory} *d, int m, int n, int k, ` +
    "int a_start, int a_row, int a_column, int b_start, int b_row, int b_column, " +
    `${batches.join("")}unsigned block)`
  );
}

/** Moves a, b and d to the batch with number `batch` (a u32, used up). */
export function batchText(batchDims: number): string {
  const lines = ["a += a_start; b += b_start;"];
  for (let i = batchDims - 1; i >= 0; i--) {
    lines.push(
      `{ const u32 i = batch % (u32)size${i}; batch /= (u32)size${i};`,
      `  a += (i64)i * a_step${i}; b += (i64)i * b_step${i}; d += (i64)i * d_step${i}; }`,
    );
  }
  return lines.join("\n  ");
}
