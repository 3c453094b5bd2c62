import type { DType } from "../../ir/dtype.ts";
import type { AttentionGeometry, PlacedTensor } from "./attention-geometry.ts";
import { valueArgument } from "./attention-geometry.ts";
import type { KernelArgument } from "./kernel-code.ts";

/** A float in C, exactly. */
export function floatText(value: number): string {
  const exact = Math.fround(value);
  if (!Number.isFinite(exact)) return exact > 0 ? "INF_F32" : exact < 0 ? "(-INF_F32)" : "NAN_F32";
  const digits = exact.toPrecision(9);
  return `(${/[.e]/.test(digits) ? digits : `${digits}.0`}f)`;
}

/** log₂ e in C. */
export const log2e: string = floatText(Math.LOG2E);
/** Scores in units in which their exponentials are powers of two. */
export const scoreScale = (g: AttentionGeometry): string => floatText(g.scale * Math.LOG2E);

/** Text of the address of row 0 of one head; `head` is the C expression of its number. */
export function baseText(name: string, tensor: PlacedTensor, head: string): string {
  const [batch, , heads] = tensor.strides;
  return `${name} + ((i64)batch * ${batch} + (i64)(${head}) * ${heads} + ${tensor.offset})`;
}

/** Reads the bias of a score into the C variable `added`, for `row` and `key` inside. */
export function biasText(g: AttentionGeometry): string {
  const { bias } = g;
  if (bias === null) return "";
  const [, , rowStride, keyStride] = bias.strides;
  const at = `bias + ((i64)row * ${rowStride} + (i64)key * ${keyStride})`;
  return `if (row < ${g.rows} && key < ${g.keys}) x = fma_f32(read_${bias.dtype}(${at}), ${log2e}, x);`;
}

/** Declares `bias`, the start of a head's biases. */
export function biasBase({ bias }: AttentionGeometry): string {
  if (bias === null) return "";
  const [batch, heads] = bias.strides;
  const type = biasType(bias);
  return `${type} *bias = bias0 + ((i64)batch * ${batch} + (i64)head * ${heads} + ${bias.offset});`;
}

/** C type of an element in memory. */
export const storageType = (dtype: DType): string => (dtype === "f32" ? "float" : "u16");

const biasType = ({ dtype }: PlacedTensor): string => `const ${storageType(dtype)}`;

/** The bias among a kernel's parameters. */
export const biasParameter = ({ bias }: AttentionGeometry): string =>
  bias === null ? "" : `${biasType(bias)} *bias0, `;

/** The bias among a kernel's arguments. */
export const biasArgument = ({ bias }: AttentionGeometry): KernelArgument[] =>
  bias === null ? [] : [valueArgument(bias)];

/** C expression of where logarithms (or other numbers per row) of a head begin. */
export const statsBase = ({ heads, rows }: AttentionGeometry, stats: string): string =>
  `${stats} + ((i64)batch * ${heads} + head) * ${rows}`;
