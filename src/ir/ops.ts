import type { DType } from "./dtype.ts";
import type { LoopBody } from "./loop.ts";
import type { Shape } from "./shape.ts";

/** No attributes. */
export type None = Readonly<Record<never, never>>;

/** Axes a reduction folds; they stay in the result with size 1. */
export interface ReduceAttrs {
  readonly axes: readonly number[];
}

/**
 * Axes of a maximum or minimum, and who receives the gradient among equal elements: `even` shares
 * it (torch.amax), `first` gives it to the first in row-major order (torch.max(dim), max pooling).
 */
export interface ExtremumAttrs extends ReduceAttrs {
  readonly ties: "even" | "first";
}

/** One dim of a gather, scatter, concat, sort or scan. */
export interface DimAttrs {
  readonly dim: number;
}

/** Half-open strided range per dim; a negative step walks down from `start`. */
export interface SliceAttrs {
  readonly start: readonly number[];
  readonly step: readonly number[];
  readonly shape: Shape;
}

/** Padding per dim: elements before, after and between neighbours, filled with `value`. */
export interface PadAttrs {
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly interior: readonly number[];
  readonly value: number;
}

/**
 * Sliding windows over `dims`: each dim shrinks to its number of windows, and the window sizes are
 * appended as new last dims in the order of `dims`.
 */
export interface WindowAttrs {
  readonly dims: readonly number[];
  readonly size: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

/** Geometry of an N-d convolution (cross-correlation, as torch): one entry per spatial dim. */
export interface ConvAttrs {
  readonly stride: readonly number[];
  readonly padLow: readonly number[];
  readonly padHigh: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  /**
   * Whether images, kernels and results have their channels last ([N, …S, C], [O, …K, C/groups]).
   * Only the compiler says so, for devices that work faster in this layout.
   */
  readonly channelsLast?: boolean;
}

/** A convolution gradient also needs the sizes the forward pass knew. */
export interface ConvGradAttrs extends ConvAttrs {
  /** Spatial sizes of the input (for convInputGrad) or of the kernel (for convWeightGrad). */
  readonly sizes: readonly number[];
}

/**
 * A loop: `src` = [initial carries, slice operands, whole operands], in the order of the body's
 * inputs. Trip t reads element t of dim 0 of each slice operand and stores element t of each
 * stacked result; `reverse` goes from the last to the first.
 */
export interface LoopAttrs {
  readonly body: LoopBody;
  readonly carries: number;
  readonly slices: number;
  /** Number of trips; the most there can be of a conditional loop. */
  readonly length: number;
  readonly reverse: boolean;
  /** Whether the first carry is a bool that says if there is another trip. */
  readonly conditional: boolean;
}

/** Scores are q · k · scale; with `causal` row i sees keys 0 … i only. */
export interface AttentionAttrs {
  readonly causal: boolean;
  readonly scale: number;
}

/**
 * Attributes of every primitive. This map *is* the closed op set: each rule table of the project
 * is a `Record` over its keys, so a missing row is a compile error.
 */
export interface OpAttrs {
  // Leaves
  /** Placeholder whose value arrives when a program runs; `id` tells inputs apart. */
  readonly input: { readonly id: number };
  /** A number known while compiling; always a scalar, `expand` gives it a shape. */
  readonly constant: { readonly value: number };
  /** 0, 1, … size-1 as i32. */
  readonly iota: { readonly size: number };
  /** Threefry-2x32 bits: src = [key u32 [2]] → u32 of `shape`; the counter is the flat index. */
  readonly randomBits: { readonly shape: Shape };

  // Elementwise, one operand
  readonly neg: None;
  readonly abs: None;
  readonly sign: None;
  readonly floor: None;
  readonly ceil: None;
  readonly trunc: None;
  readonly round: None;
  readonly sqrt: None;
  readonly exp: None;
  readonly expm1: None;
  readonly log: None;
  readonly log1p: None;
  readonly sin: None;
  readonly cos: None;
  readonly tanh: None;
  readonly erf: None;
  /** Logical for bool, bitwise for integers. */
  readonly not: None;
  readonly cast: { readonly dtype: DType };
  /** Same bits, other dtype of the same width. */
  readonly bitcast: { readonly dtype: DType };

  // Elementwise, two operands of one shape and dtype
  readonly add: None;
  readonly sub: None;
  readonly mul: None;
  /** IEEE for floats, truncating for integers (x/0 = 0 for integers). */
  readonly div: None;
  /** Remainder with the sign of the dividend (C fmod); 0 for an integer divisor 0. */
  readonly rem: None;
  readonly pow: None;
  readonly max: None;
  readonly min: None;
  readonly and: None;
  readonly or: None;
  readonly xor: None;
  readonly shl: None;
  /** Arithmetic for signed, logical for unsigned. */
  readonly shr: None;
  readonly eq: None;
  readonly ne: None;
  readonly lt: None;
  readonly le: None;
  /** src = [condition bool, a, b]. */
  readonly where: None;

  // Reductions
  readonly reduceSum: ReduceAttrs;
  readonly reduceProd: ReduceAttrs;
  readonly reduceMax: ExtremumAttrs;
  readonly reduceMin: ExtremumAttrs;
  /** First index of the maximum along one dim (kept with size 1) as i32; NaN counts as largest. */
  readonly argmax: DimAttrs;
  /** Running sum, product, maximum or minimum along a dim, inclusive. */
  readonly scan: DimAttrs & { readonly kind: "sum" | "prod" | "max" | "min" };

  // Movement
  readonly reshape: { readonly shape: Shape };
  readonly permute: { readonly perm: readonly number[] };
  /** Same rank, size-1 dims repeat. */
  readonly expand: { readonly shape: Shape };
  readonly slice: SliceAttrs;
  readonly pad: PadAttrs;
  readonly concat: DimAttrs;
  readonly window: WindowAttrs;

  // Indexing
  /** torch.gather: src = [x, index i32]; out[i][j] = x[index[i][j]][j] for dim 0. */
  readonly gather: DimAttrs;
  /** torch.scatter(_add): src = [base, index i32, updates]. With `set`, the last write wins. */
  readonly scatter: DimAttrs & { readonly mode: "add" | "set" };
  /** Stable sorting permutation along a dim as i32; NaN counts as largest. */
  readonly argsort: DimAttrs & { readonly descending: boolean };
  /** Indices of the k largest (or smallest) along a dim, sorted by value, as i32. */
  readonly topk: DimAttrs & { readonly k: number; readonly largest: boolean };

  // Contractions
  /** [B…, M, K] · [B…, K, N] → [B…, M, N]; equal batch dims. */
  readonly dot: None;
  /** x [N, C, …S], w [O, C/groups, …K] → [N, O, …P]. */
  readonly conv: ConvAttrs;
  /** src = [g [N, O, …P], w] → [N, C, …sizes]; also torch's transposed convolution. */
  readonly convInputGrad: ConvGradAttrs;
  /** src = [x, g] → [O, C/groups, …sizes]. */
  readonly convWeightGrad: ConvGradAttrs;

  // Attention: nodes without a value of their own, `part` reads their results
  /**
   * src = [q [B, L, H, D], k [B, S, G, D], v [B, S, G, V], (bias [B, H, L, S])], H a multiple of G, all
   * of one float dtype, a bias of that or f32
   * → softmax(q · kᵀ · scale + bias) · v [B, L, H, V], and ln Σ eˢ of each row [B, H, L] in f32
   * (f64 for f64). A row that may attend to nothing is 0, its logarithm +∞.
   */
  readonly attention: AttentionAttrs;
  /** src = [q, k, v, (bias), out, stats, gradient of out] → gradients of q, k and v. */
  readonly attentionGrad: AttentionAttrs;

  // Effects and structure
  /** src = [input, value]: the input's buffer receives the value when the program ends. */
  readonly assign: None;
  /** A named host function over whole buffers. */
  readonly custom: { readonly name: string; readonly shape: Shape; readonly dtype: DType };
  /** src = [x, …after]: x, computed no earlier than `after` and never merged with a twin. */
  readonly barrier: None;
  /** Identity that marks the output of a checkpointed region; nodes with ids ≥ `boundary` and
   *  < the marker's are recomputed in the backward pass. */
  readonly checkpoint: { readonly boundary: number };
  /** src = [x, …operands]: x, whose gradient goes to the operands as a registered rule says. */
  readonly customGradient: { readonly rule: number };
  /** Trips of a body, see LoopAttrs. Its own value is empty, `part` reads its results. */
  readonly loop: LoopAttrs;
  /**
   * src = [loop]: the last value of a carry, or what the trips stored, stacked along dim 0; of
   * other nodes with several results, one of these.
   */
  readonly part: { readonly index: number };
}

/**
 * Begins the names of host functions that compute one element of the leading dims after the other:
 * with one more dim in front they do the same, which is how they are vectorised.
 */
export const eachElement = "each ";

/** Name of a primitive. */
export type Op = keyof OpAttrs;

/** Ops with several results: their own value is empty, `part` reads the results. */
export const severalResults: ReadonlySet<Op> = new Set<Op>(["loop", "attention", "attentionGrad"]);

/** How an op relates its operands' elements to its own: what fusion and vmap need to know. */
export type OpClass =
  | "leaf"
  | "elementwise"
  | "reduce"
  | "movement"
  | "index"
  | "contraction"
  | "structure";

/** Class of every primitive. */
export const opClass: Readonly<Record<Op, OpClass>> = {
  input: "leaf",
  constant: "leaf",
  iota: "leaf",
  randomBits: "leaf",
  neg: "elementwise",
  abs: "elementwise",
  sign: "elementwise",
  floor: "elementwise",
  ceil: "elementwise",
  trunc: "elementwise",
  round: "elementwise",
  sqrt: "elementwise",
  exp: "elementwise",
  expm1: "elementwise",
  log: "elementwise",
  log1p: "elementwise",
  sin: "elementwise",
  cos: "elementwise",
  tanh: "elementwise",
  erf: "elementwise",
  not: "elementwise",
  cast: "elementwise",
  bitcast: "elementwise",
  add: "elementwise",
  sub: "elementwise",
  mul: "elementwise",
  div: "elementwise",
  rem: "elementwise",
  pow: "elementwise",
  max: "elementwise",
  min: "elementwise",
  and: "elementwise",
  or: "elementwise",
  xor: "elementwise",
  shl: "elementwise",
  shr: "elementwise",
  eq: "elementwise",
  ne: "elementwise",
  lt: "elementwise",
  le: "elementwise",
  where: "elementwise",
  reduceSum: "reduce",
  reduceProd: "reduce",
  reduceMax: "reduce",
  reduceMin: "reduce",
  argmax: "reduce",
  scan: "index",
  reshape: "movement",
  permute: "movement",
  expand: "movement",
  slice: "movement",
  pad: "movement",
  concat: "movement",
  window: "movement",
  gather: "index",
  scatter: "index",
  argsort: "index",
  topk: "index",
  dot: "contraction",
  conv: "contraction",
  convInputGrad: "contraction",
  convWeightGrad: "contraction",
  attention: "structure",
  attentionGrad: "structure",
  assign: "structure",
  custom: "structure",
  barrier: "structure",
  checkpoint: "structure",
  customGradient: "structure",
  loop: "structure",
  part: "structure",
};
