/**
 * Pieces of attention kernels on tensor cores: tiles of two-byte elements in shared memory, and
 * products of them in the registers of four warps.
 *
 * Rows of a tile are `pitch` elements apart: eight more than the width, a multiple of 16, so that
 * the eight rows of a matrix lie in different banks whatever the width.
 */

/** Threads of an attention kernel: four warps. */
export const flashThreads = 128;

/** A matrix in global memory by element strides; its columns are contiguous. */
export interface RowsView {
  /** C expression of the address of row 0. */
  readonly at: string;
  readonly rowStride: number;
  readonly width: number;
  /** C expression of the number of rows. */
  readonly limit: string;
  /** Whether rows can be read by 16 bytes. */
  readonly isAligned: boolean;
}

/** Width padded to what products need. */
export const paddedWidth = (width: number): number => Math.ceil(width / 16) * 16;

/** Elements from row to row of a tile. */
export const pitchOf = (width: number): number => paddedWidth(width) + 8;

/** Bytes of a tile. */
export const tileBytes = (rows: number, width: number): number => rows * pitchOf(width) * 2;

/** Copies rows [first, first + rows) to a tile; rows behind the limit are zeros. */
export function copyTile(tile: string, view: RowsView, first: string, rows: number): string {
  const pitch = pitchOf(view.width);
  const { at, rowStride, width, limit, isAligned } = view;
  if (isAligned) {
    const chunks = width / 8;
    return `for (int i = thread; i < ${rows * chunks}; i += ${flashThreads}) {
      const int r = i / ${chunks}, c = i % ${chunks} * 8, row = ${first} + r;
      const int exists = row < ${limit};
      copy_async_v16(${tile} + r * ${pitch} + c, ${at} + (i64)(exists ? row : 0) * ${rowStride} + c, exists);
    }`;
  }
  const padded = paddedWidth(width);
  return `for (int i = thread; i < ${rows * padded}; i += ${flashThreads}) {
      const int r = i / ${padded}, c = i % ${padded}, row = ${first} + r;
      store_v2(${tile} + r * ${pitch} + c,
               row < ${limit} && c < ${width} ? read_v2(${at} + (i64)row * ${rowStride} + c) : (u16)0);
    }`;
}

/** Zeros in the columns of a tile that its width does not fill, which copies leave alone. */
export function padTile(tile: string, view: RowsView, rows: number): string {
  const missing = paddedWidth(view.width) - view.width;
  if (missing === 0 || !view.isAligned) return "";
  const pitch = pitchOf(view.width);
  return `for (int i = thread; i < ${rows * missing}; i += ${flashThreads})
    store_v2(${tile} + i / ${missing} * ${pitch} + ${view.width} + i % ${missing}, (u16)0);`;
}

/** Address, for this lane, of a left operand's or a transposed right operand's first matrices. */
export const leftLane = (tile: string, pitch: number, row = "0"): string =>
  `${tile} + (${row} + (lane & 15)) * ${pitch} + (lane >> 4) * 8`;

/** Address, for this lane, of the first matrices of a right operand whose rows are the columns. */
export const rightLane = (tile: string, pitch: number): string =>
  `${tile} + ((lane & 7) + (lane >> 4) * 8) * ${pitch} + ((lane >> 3) & 1) * 8`;

/** A product of a tile's rows with the rows of another: left · rightᵀ, both `width` wide. */
export interface RowsProduct {
  readonly dtype: string;
  /** `float[tiles][columns / 8][4]`, which is added to. */
  readonly sum: string;
  /** Pointers made by {@link leftLane} and {@link rightLane}. */
  readonly left: string;
  readonly right: string;
  readonly leftPitch: number;
  readonly rightPitch: number;
  readonly width: number;
  /** Tiles of 16 rows per warp. */
  readonly tiles: number;
  readonly columns: number;
}

/** sum += left · rightᵀ. */
export function rowsProduct(p: RowsProduct): string {
  const { dtype, sum, left, right, leftPitch, rightPitch, width, tiles, columns } = p;
  return `#pragma unroll
    for (int kk = 0; kk < ${paddedWidth(width)}; kk += 16) {
      u32 x[${tiles}][4];
      #pragma unroll
      for (int m = 0; m < ${tiles}; m++) load_matrix_x4(x[m], ${left} + m * ${16 * leftPitch} + kk);
      #pragma unroll
      for (int n = 0; n < ${columns / 16}; n++) {
        u32 y[4];
        load_matrix_x4(y, ${right} + n * ${16 * rightPitch} + kk);
        #pragma unroll
        for (int m = 0; m < ${tiles}; m++) {
          mma_m16n8k16_${dtype}(${sum}[m][2 * n], x[m], y);
          mma_m16n8k16_${dtype}(${sum}[m][2 * n + 1], x[m], y + 2);
        }
      }
    }`;
}

/** A product of weights in registers with a tile: weights [rows, depth] · right [depth, width]. */
export interface WeightsProduct {
  readonly dtype: string;
  readonly sum: string;
  /** `float[tiles][depth / 8][4]`, as a product left them; rounded to the dtype. */
  readonly weights: string;
  /** A pointer made by {@link leftLane}. */
  readonly right: string;
  readonly rightPitch: number;
  readonly width: number;
  readonly tiles: number;
  readonly depth: number;
}

/** sum += weights · right. */
export function weightsProduct(p: WeightsProduct): string {
  const { dtype, sum, weights, right, rightPitch, width, tiles, depth } = p;
  return `#pragma unroll
    for (int kk = 0; kk < ${depth / 16}; kk++) {
      u32 x[${tiles}][4];
      #pragma unroll
      for (int m = 0; m < ${tiles}; m++) {
        x[m][0] = pair_${dtype}(${weights}[m][2 * kk][0], ${weights}[m][2 * kk][1]);
        x[m][1] = pair_${dtype}(${weights}[m][2 * kk][2], ${weights}[m][2 * kk][3]);
        x[m][2] = pair_${dtype}(${weights}[m][2 * kk + 1][0], ${weights}[m][2 * kk + 1][1]);
        x[m][3] = pair_${dtype}(${weights}[m][2 * kk + 1][2], ${weights}[m][2 * kk + 1][3]);
      }
      #pragma unroll
      for (int n = 0; n < ${paddedWidth(width) / 16}; n++) {
        u32 y[4];
        load_matrix_x4_transposed(y, ${right} + kk * ${16 * rightPitch} + n * 16);
        #pragma unroll
        for (int m = 0; m < ${tiles}; m++) {
          mma_m16n8k16_${dtype}(${sum}[m][2 * n], x[m], y);
          mma_m16n8k16_${dtype}(${sum}[m][2 * n + 1], x[m], y + 2);
        }
      }
    }`;
}

/** Zeros in `float name[tiles][columns / 8][4]`, which it declares. */
export function zeroSum(name: string, tiles: number, columns: number): string {
  return `float ${name}[${tiles}][${columns / 8}][4];
    #pragma unroll
    for (int m = 0; m < ${tiles}; m++)
      #pragma unroll
      for (int n = 0; n < ${columns / 8}; n++)
        #pragma unroll
        for (int c = 0; c < 4; c++) ${name}[m][n][c] = 0.0f;`;
}

/** Stores `float sum[tiles][width / 8][4]`, times a factor per row half, to contiguous rows. */
export function storeRows(given: {
  readonly dtype: string;
  readonly sum: string;
  readonly tiles: number;
  /** C expressions over `m` and `half`. */
  readonly row: string;
  readonly factor: string;
  readonly limit: string;
  readonly at: string;
  readonly rowStride: number;
  readonly width: number;
  /** Whether all rows begin at even elements. */
  readonly isEven: boolean;
}): string {
  const { dtype, sum, tiles, row, factor, limit, at, rowStride, width, isEven } = given;
  const inPairs = width % 2 === 0 && isEven;
  const pair = inPairs
    ? `if (column < ${width}) store_v4(to + column, pair_${dtype}(first, second));`
    : `if (column < ${width}) store_${dtype}(to + column, first);
          if (column + 1 < ${width}) store_${dtype}(to + column + 1, second);`;
  return `#pragma unroll
  for (int m = 0; m < ${tiles}; m++)
    #pragma unroll
    for (int half = 0; half < 2; half++) {
      const int row = ${row};
      const float factor = ${factor};
      u16 *to = ${at} + (i64)row * ${rowStride};
      if (row < ${limit}) {
        #pragma unroll
        for (int n = 0; n < ${paddedWidth(width) / 8}; n++) {
          const int column = 8 * n + 2 * (lane & 3);
          const float first = ${sum}[m][n][2 * half] * factor;
          const float second = ${sum}[m][n][2 * half + 1] * factor;
          ${pair}
        }
      }
    }`;
}
