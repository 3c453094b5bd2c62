/* oxlint-disable max-lines -- one method per operation, each a line or two; the work is in ops/ */
import { DTypeError, OutOfMemoryError, ShapeError, UsageError } from "../base/errors.ts";
import type { Cell } from "../engine/cell.ts";
import type { DeviceName } from "../engine/devices.ts";
import { resolveDevice } from "../engine/devices.ts";
import { breathe, collectGarbage } from "../engine/garbage.ts";
import { realizeValues } from "../engine/realize.ts";
import type { Storage } from "../engine/storage.ts";
import { currentTrace, refuseInTrace } from "../engine/trace.ts";
import * as ir from "../ir/build.ts";
import type { DType } from "../ir/dtype.ts";
import { dtypes, parseDType } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Shape } from "../ir/shape.ts";
import { formatShape, numel } from "../ir/shape.ts";
import { assignCell, derivedCell, detachedCell, nodeOf, storedCell } from "./cells.ts";
import type { HostData, NestedData, TensorData } from "./host.ts";
import { decode, encode, formatData, naturalDType, toNested } from "./host.ts";
import * as activation from "./ops/activation.ts";
import * as arithmetic from "./ops/arithmetic.ts";
import * as diagonals from "./ops/diagonals.ts";
import * as indexing from "./ops/indexing.ts";
import * as joining from "./ops/joining.ts";
import * as linear from "./ops/linear.ts";
import * as logic from "./ops/logic.ts";
import * as reduce from "./ops/reduce.ts";
import * as scan from "./ops/scan.ts";
import * as shapes from "./ops/shape.ts";
import * as slicing from "./ops/slicing.ts";
import * as softmax from "./ops/softmax.ts";
import * as trigonometry from "./ops/trigonometry.ts";
import { adoptCell, releaseCell } from "./scope.ts";

/** A tensor, or a number that takes the dtype of the tensors it meets. */
export type TensorLike = Tensor | number;

/** Options every factory takes. */
export interface TensorOptions {
  /** @defaultValue "f32", or what the data says */
  readonly dtype?: DType | undefined;
  /** @defaultValue the default device */
  readonly device?: DeviceName | undefined;
  /** Whether gradients for it will be asked for after its results were read. */
  readonly requiresGrad?: boolean | undefined;
}

/** Limits of {@link Tensor.clamp}; one may be missing. */
export interface ClampOptions {
  readonly min?: TensorLike | null | undefined;
  readonly max?: TensorLike | null | undefined;
}

/** Values of an ordering and where they stood (i32). */
export interface TensorValuesAndIndices {
  readonly values: Tensor;
  readonly indices: Tensor;
}

const finalizers = new FinalizationRegistry<Cell>((cell) => cell.dispose());

/** Makes a tensor of `node`, a graph over the nodes of `sources`, where no wrapper does it. */
export function derive(sources: readonly TensorLike[], node: Node, device?: DeviceName): Tensor {
  const tensors = sources.filter((source) => typeof source !== "number");
  return new Tensor(derivedCell(node, tensors, device));
}

/** The graph node of a tensor; numbers stay numbers. */
export function operand(x: TensorLike): Node | number {
  return typeof x === "number" ? x : x.node;
}

function pair(a: Tensor, b: TensorLike, op: (a: Node | number, b: Node | number) => Node): Tensor {
  return derive([a, b], op(a.node, operand(b)));
}

function ordered(x: Tensor, { values, indices }: reduce.ValuesAndIndices): TensorValuesAndIndices {
  return { values: derive([x], values), indices: derive([x], indices) };
}

/**
 * A multi-dimensional array: an immutable value on a device, computed when somebody reads it.
 * Operations record a graph; `data()`, `item()`, `tolist()`, `realize()` or a jitted function
 * compile and run it. `assign` gives the variable a new value; tensors made of the old one keep it.
 */
export class Tensor {
  /** The variable behind this handle. @internal */
  readonly cell: Cell;

  /** Use `tensor`, `Tensor.from` or another factory. @internal */
  constructor(cell: Cell) {
    this.cell = cell;
    if (cell.trace !== undefined) {
      cell.trace.created.push(cell);
      return;
    }
    finalizers.register(this, cell);
    adoptCell(cell);
  }

  /**
   * A tensor over a typed array, copied. f16 and bf16 take numbers (rounded to nearest) or raw bits
   * in a Uint16Array.
   * @param shape - defaults to one dim.
   * @throws {ShapeError} if the element count is not the shape's; {DTypeError} if a value does not fit.
   */
  static from(data: HostData, shape?: Shape, options: TensorOptions = {}): Tensor {
    const { dtype = naturalDType(data), device, requiresGrad = false } = options;
    const sizes = shape ?? [data.length];
    if (numel(sizes) !== data.length) {
      throw new ShapeError(
        `Tensor.from: shape must hold all elements, got ${data.length} for ${formatShape(sizes)}`,
      );
    }
    const cell = storedCell(encode(data, dtype), [...sizes], dtype, resolveDevice(device));
    cell.requiresGrad = requiresGrad;
    return new Tensor(cell);
  }

  /** Sizes of the dims, outermost first. */
  get shape(): Shape {
    return this.cell.shape;
  }

  /** Element type. */
  get dtype(): DType {
    return this.cell.dtype;
  }

  /** Where the value lives. */
  get device(): DeviceName {
    return this.cell.device;
  }

  /** Number of dims. */
  get ndim(): number {
    return this.cell.shape.length;
  }

  /** Number of elements. */
  get numel(): number {
    return numel(this.cell.shape);
  }

  /** Whether gradients for this tensor will be asked for after results made of it were read. */
  get requiresGrad(): boolean {
    return this.cell.requiresGrad;
  }

  set requiresGrad(value: boolean) {
    this.cell.requiresGrad = value;
  }

  /** Whether the tensor was disposed. */
  get isDisposed(): boolean {
    return this.cell.isDisposed;
  }

  /** The graph vertex of the current value; inside jit it is captured. @internal */
  get node(): Node {
    return nodeOf(this);
  }

  /** The dims in reverse order. */
  get T(): Tensor {
    return this.permute(this.shape.map((_, dim) => this.ndim - 1 - dim));
  }

  /** The last two dims swapped. */
  get mT(): Tensor {
    return this.transpose(-2, -1);
  }

  /** Size of one dim; negative dims count from the end. */
  size(dim: number): number {
    const { shape } = this.cell;
    const size = shape.at(dim);
    if (size === undefined) {
      throw new ShapeError(`size: dim must exist in ${formatShape(shape)}, got ${dim}`);
    }
    return size;
  }

  // Reading

  /**
   * Computes the value and copies it to the host. f16 and bf16 are widened to f32; bool gives 0 and
   * 1. Pending assignments of other tensors are computed in the same program.
   * @throws {UsageError} if the tensor was disposed, or while a jitted function is traced.
   */
  async data(): Promise<TensorData> {
    refuseInTrace("data");
    try {
      realizeValues([this.cell.value]);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      await collectGarbage();
      realizeValues([this.cell.value]);
    }
    const storage = this.#storage().retain();
    try {
      const raw = await storage.backend.read(storage.buffer, this.dtype);
      return decode(raw, this.dtype);
    } finally {
      storage.release();
      await breathe();
    }
  }

  /** As `data`, at once, where the device can. */
  dataSync(): TensorData {
    refuseInTrace("dataSync");
    realizeValues([this.cell.value]);
    const { backend, buffer } = this.#storage();
    return decode(backend.readSync(buffer, this.dtype), this.dtype);
  }

  /** The only element as a number; bool gives 0 or 1. @throws {ShapeError} if there are more. */
  async item(): Promise<number> {
    this.#requireSingle();
    return (await this.data())[0];
  }

  /** As `item`, at once, where the device can. */
  itemSync(): number {
    this.#requireSingle();
    return this.dataSync()[0];
  }

  /** The elements as nested arrays; bool as booleans, a scalar as itself. */
  async tolist(): Promise<NestedData> {
    return toNested(await this.data(), this.shape, this.dtype);
  }

  /** Shape, dtype and values as text. */
  async format(): Promise<string> {
    return formatData(await this.data(), this.shape, this.dtype);
  }

  /** The raw elements in storage format: f16 and bf16 as bits. */
  async bytes(): Promise<Uint8Array> {
    refuseInTrace("bytes");
    realizeValues([this.cell.value]);
    const storage = this.#storage().retain();
    try {
      const raw = await storage.backend.read(storage.buffer, this.dtype);
      return new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength);
    } finally {
      storage.release();
    }
  }

  /** Computes the value now; a no-op inside jit. */
  async realize(): Promise<this> {
    if (currentTrace() === undefined) realizeValues([this.cell.value]);
    return this;
  }

  #storage(): Storage {
    const { storage } = this.cell.value;
    if (storage === undefined) throw new UsageError("tensor: its value could not be computed");
    return storage;
  }

  #requireSingle(): void {
    if (this.numel !== 1) {
      throw new ShapeError(
        `item: needs exactly one element, got ${formatShape(this.shape)}; use tolist or data`,
      );
    }
  }

  // State and lifetime

  /**
   * Gives this variable a new value of the same shape, dtype and device. Tensors computed from the
   * old value keep it. Inside jit the update happens when the call has succeeded. No gradient flows
   * through.
   * @throws {ShapeError | DTypeError | DeviceError} if the value does not fit.
   */
  assign(value: TensorLike): this {
    const source = typeof value === "number" ? this.#filled(value) : value;
    assignCell(this, source);
    if (source !== value) source.dispose();
    return this;
  }

  #filled(value: number): Tensor {
    return derive([], ir.full(this.shape, value, this.dtype), this.device);
  }

  /** The same value without its history: gradients stop here. */
  detach(): Tensor {
    return new Tensor(detachedCell(this));
  }

  /** The same value in a tensor of its own; gradients flow through. */
  clone(): Tensor {
    return derive([this], this.node);
  }

  /** Frees the value at once unless something pending needs it. The tensor is unusable after. */
  dispose(): void {
    this.cell.dispose();
    releaseCell(this.cell);
  }

  /** As `dispose`, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  // Conversion

  /**
   * Converts the dtype or moves to a device; the tensor itself if nothing changes. Floats become
   * integers by truncation. Moving computes the value and drops its history.
   */
  to(target: DType | DeviceName): Tensor {
    if (dtypes.some((dtype) => dtype === target)) {
      const dtype = parseDType(target);
      return dtype === this.dtype ? this : derive([this], ir.cast(this.node, dtype));
    }
    const device = resolveDevice(target);
    if (device === this.device) return this;
    refuseInTrace(`to("${device}")`);
    realizeValues([this.cell.value]);
    const { backend, buffer } = this.#storage();
    const raw = backend.readSync(buffer, this.dtype);
    return new Tensor(storedCell(raw, this.shape, this.dtype, device));
  }

  /** Converts to f32. */
  float(): Tensor {
    return this.to("f32");
  }

  /** Converts to f64. */
  double(): Tensor {
    return this.to("f64");
  }

  /** Converts to f16. */
  half(): Tensor {
    return this.to("f16");
  }

  /** Converts to bf16. */
  bfloat16(): Tensor {
    return this.to("bf16");
  }

  /** Converts to i32, truncating. */
  int(): Tensor {
    return this.to("i32");
  }

  /** Converts to bool: everything but zero is true. */
  bool(): Tensor {
    return this.to("bool");
  }

  /** The dtype of another tensor. */
  typeAs(other: Tensor): Tensor {
    return this.to(other.dtype);
  }

  /** The bits read as another dtype of the same width. @throws {DTypeError} if widths differ. */
  bitcast(dtype: DType): Tensor {
    return derive([this], ir.bitcast(this.node, dtype));
  }

  /** `f32[2, 3]`; the values need an awaited `format()`. */
  toString(): string {
    return `Tensor ${this.dtype}${formatShape(this.shape)} on ${this.device}`;
  }

  /** Refuses silent conversion to a number: values are read with `await t.item()`. */
  valueOf(): never {
    throw new DTypeError("tensor: cannot be used as a number; await its item() or use its methods");
  }

  // Arithmetic

  /** a + b with broadcasting. */
  add(other: TensorLike): Tensor {
    return pair(this, other, arithmetic.add);
  }

  /** a − b with broadcasting. */
  sub(other: TensorLike): Tensor {
    return pair(this, other, arithmetic.sub);
  }

  /** a · b with broadcasting. */
  mul(other: TensorLike): Tensor {
    return pair(this, other, arithmetic.mul);
  }

  /** a / b. */
  div(other: TensorLike, options?: arithmetic.DivOptions): Tensor {
    return derive([this, other], arithmetic.div(this.node, operand(other), options));
  }

  /** ⌊a / b⌋. */
  floorDivide(other: TensorLike): Tensor {
    return pair(this, other, arithmetic.floorDivide);
  }

  /** a − b ⌊a / b⌋: the remainder with the divisor's sign (Python's `%`). */
  remainder(other: TensorLike): Tensor {
    return pair(this, other, arithmetic.remainder);
  }

  /** The remainder with the dividend's sign (C's fmod). */
  fmod(other: TensorLike): Tensor {
    return pair(this, other, arithmetic.fmod);
  }

  /** aᵇ. */
  pow(other: TensorLike): Tensor {
    return pair(this, other, arithmetic.pow);
  }

  /** Elementwise maximum. */
  maximum(other: TensorLike): Tensor {
    return pair(this, other, arithmetic.maximum);
  }

  /** Elementwise minimum. */
  minimum(other: TensorLike): Tensor {
    return pair(this, other, arithmetic.minimum);
  }

  /** ln(eᵃ + eᵇ) without overflow. */
  logaddexp(other: TensorLike): Tensor {
    return pair(this, other, arithmetic.logaddexp);
  }

  /** −x. */
  neg(): Tensor {
    return derive([this], arithmetic.neg(this.node));
  }

  /** |x|. */
  abs(): Tensor {
    return derive([this], arithmetic.abs(this.node));
  }

  /** −1, 0 or 1. */
  sign(): Tensor {
    return derive([this], arithmetic.sign(this.node));
  }

  /** x². */
  square(): Tensor {
    return derive([this], arithmetic.square(this.node));
  }

  /** 1 / x. */
  reciprocal(): Tensor {
    return derive([this], arithmetic.reciprocal(this.node));
  }

  /** √x. */
  sqrt(): Tensor {
    return derive([this], arithmetic.sqrt(this.node));
  }

  /** 1 / √x. */
  rsqrt(): Tensor {
    return derive([this], arithmetic.rsqrt(this.node));
  }

  /** eˣ. */
  exp(): Tensor {
    return derive([this], arithmetic.exp(this.node));
  }

  /** eˣ − 1, accurate near 0. */
  expm1(): Tensor {
    return derive([this], arithmetic.expm1(this.node));
  }

  /** 2ˣ. */
  exp2(): Tensor {
    return derive([this], arithmetic.exp2(this.node));
  }

  /** Natural logarithm. */
  log(): Tensor {
    return derive([this], arithmetic.log(this.node));
  }

  /** ln(1 + x), accurate near 0. */
  log1p(): Tensor {
    return derive([this], arithmetic.log1p(this.node));
  }

  /** Logarithm to base 2. */
  log2(): Tensor {
    return derive([this], arithmetic.log2(this.node));
  }

  /** Logarithm to base 10. */
  log10(): Tensor {
    return derive([this], arithmetic.log10(this.node));
  }

  /** Gauss error function. */
  erf(): Tensor {
    return derive([this], arithmetic.erf(this.node));
  }

  /** Largest integer ≤ x. */
  floor(): Tensor {
    return derive([this], arithmetic.floor(this.node));
  }

  /** Smallest integer ≥ x. */
  ceil(): Tensor {
    return derive([this], arithmetic.ceil(this.node));
  }

  /** x without its fraction. */
  trunc(): Tensor {
    return derive([this], arithmetic.trunc(this.node));
  }

  /** x − trunc(x). */
  frac(): Tensor {
    return derive([this], arithmetic.frac(this.node));
  }

  /** Nearest integer, halves to the even one. */
  round(options?: { readonly decimals?: number }): Tensor {
    return derive([this], arithmetic.round(this.node, options));
  }

  /** x limited to [min, max]; NaN stays NaN. At a limit x itself receives the gradient. */
  clamp({ min, max }: ClampOptions): Tensor {
    const limits = [min, max].filter((limit) => limit != null);
    const node = (limit: TensorLike | null | undefined): Node | number | null =>
      limit == null ? null : operand(limit);
    const result = arithmetic.clamp(this.node, { min: node(min), max: node(max) });
    return derive([this, ...limits], result);
  }

  /** start + weight · (end − start), exact at weight 0 and 1. */
  lerp(end: Tensor, weight: TensorLike): Tensor {
    return derive([this, end, weight], arithmetic.lerp(this.node, end.node, operand(weight)));
  }

  /** Sine of radians. */
  sin(): Tensor {
    return derive([this], trigonometry.sin(this.node));
  }

  /** Cosine of radians. */
  cos(): Tensor {
    return derive([this], trigonometry.cos(this.node));
  }

  /** Tangent of radians. */
  tan(): Tensor {
    return derive([this], trigonometry.tan(this.node));
  }

  /** Hyperbolic tangent. */
  tanh(): Tensor {
    return derive([this], trigonometry.tanh(this.node));
  }

  /** (eˣ − e⁻ˣ) / 2, accurate near 0. */
  sinh(): Tensor {
    return derive([this], trigonometry.sinh(this.node));
  }

  /** (eˣ + e⁻ˣ) / 2. */
  cosh(): Tensor {
    return derive([this], trigonometry.cosh(this.node));
  }

  /** Arcsine in [−π/2, π/2]. */
  asin(): Tensor {
    return derive([this], trigonometry.asin(this.node));
  }

  /** Arccosine in [0, π]. */
  acos(): Tensor {
    return derive([this], trigonometry.acos(this.node));
  }

  /** Arctangent in [−π/2, π/2]. */
  atan(): Tensor {
    return derive([this], trigonometry.atan(this.node));
  }

  /** Angle of the point (x, y) in (−π, π]. */
  atan2(other: TensorLike): Tensor {
    return pair(this, other, trigonometry.atan2);
  }

  // Comparison and logic

  /** a = b, as bool. */
  eq(other: TensorLike): Tensor {
    return pair(this, other, logic.eq);
  }

  /** a ≠ b, as bool. */
  ne(other: TensorLike): Tensor {
    return pair(this, other, logic.ne);
  }

  /** a < b, as bool. */
  lt(other: TensorLike): Tensor {
    return pair(this, other, logic.lt);
  }

  /** a ≤ b, as bool. */
  le(other: TensorLike): Tensor {
    return pair(this, other, logic.le);
  }

  /** a > b, as bool. */
  gt(other: TensorLike): Tensor {
    return pair(this, other, logic.gt);
  }

  /** a ≥ b, as bool. */
  ge(other: TensorLike): Tensor {
    return pair(this, other, logic.ge);
  }

  /** Whether both are not zero. */
  logicalAnd(other: TensorLike): Tensor {
    return pair(this, other, logic.logicalAnd);
  }

  /** Whether one is not zero. */
  logicalOr(other: TensorLike): Tensor {
    return pair(this, other, logic.logicalOr);
  }

  /** Whether exactly one is not zero. */
  logicalXor(other: TensorLike): Tensor {
    return pair(this, other, logic.logicalXor);
  }

  /** Whether x is zero. */
  logicalNot(): Tensor {
    return derive([this], logic.logicalNot(this.node));
  }

  /** Bitwise and of integers, logical and of bool. */
  bitwiseAnd(other: TensorLike): Tensor {
    return pair(this, other, logic.bitwiseAnd);
  }

  /** Bitwise or of integers, logical or of bool. */
  bitwiseOr(other: TensorLike): Tensor {
    return pair(this, other, logic.bitwiseOr);
  }

  /** Bitwise exclusive or of integers, logical of bool. */
  bitwiseXor(other: TensorLike): Tensor {
    return pair(this, other, logic.bitwiseXor);
  }

  /** a · 2ᵇ by shifting bits. */
  bitwiseLeftShift(other: TensorLike): Tensor {
    return pair(this, other, logic.bitwiseLeftShift);
  }

  /** ⌊a / 2ᵇ⌋ by shifting bits. */
  bitwiseRightShift(other: TensorLike): Tensor {
    return pair(this, other, logic.bitwiseRightShift);
  }

  /** All bits inverted. */
  bitwiseNot(): Tensor {
    return derive([this], logic.bitwiseNot(this.node));
  }

  /** Whether x is not a number. */
  isnan(): Tensor {
    return derive([this], logic.isnan(this.node));
  }

  /** Whether x is ∞ or −∞. */
  isinf(): Tensor {
    return derive([this], logic.isinf(this.node));
  }

  /** Whether x is neither infinite nor NaN. */
  isfinite(): Tensor {
    return derive([this], logic.isfinite(this.node));
  }

  /** Elementwise choice: a where the condition holds, otherwise b. */
  where(condition: Tensor, other: TensorLike): Tensor {
    return derive([this, condition, other], logic.where(condition.node, this.node, operand(other)));
  }

  /** x with `value` where the mask holds. */
  maskedFill(mask: Tensor, value: TensorLike): Tensor {
    return derive([this, mask, value], logic.maskedFill(this.node, mask.node, operand(value)));
  }

  /** x with finite numbers in place of NaN, ∞ and −∞. */
  nanToNum(options?: logic.NanToNumOptions): Tensor {
    return derive([this], logic.nanToNum(this.node, options));
  }

  // Reductions

  /** Sum over dims. */
  sum(options?: reduce.SumOptions): Tensor {
    return derive([this], reduce.sum(this.node, options));
  }

  /** Product over dims. */
  prod(options?: reduce.SumOptions): Tensor {
    return derive([this], reduce.prod(this.node, options));
  }

  /** Arithmetic mean over dims. */
  mean(options?: reduce.SumOptions): Tensor {
    return derive([this], reduce.mean(this.node, options));
  }

  /** Maximum over dims. */
  amax(options?: reduce.ReduceOptions): Tensor {
    return derive([this], reduce.amax(this.node, options));
  }

  /** Minimum over dims. */
  amin(options?: reduce.ReduceOptions): Tensor {
    return derive([this], reduce.amin(this.node, options));
  }

  /** Whether one element is not zero, as bool. */
  any(options?: reduce.ReduceOptions): Tensor {
    return derive([this], reduce.any(this.node, options));
  }

  /** Whether no element is zero, as bool. */
  all(options?: reduce.ReduceOptions): Tensor {
    return derive([this], reduce.all(this.node, options));
  }

  /** How many elements are not zero, i32. */
  countNonzero(options?: reduce.ReduceOptions): Tensor {
    return derive([this], reduce.countNonzero(this.node, options));
  }

  /** All elements, or along one dim with indices; see `max` in ops/reduce.ts. */
  max(): Tensor;
  max(options: reduce.AlongOptions): TensorValuesAndIndices;
  max(options?: reduce.AlongOptions): Tensor | TensorValuesAndIndices {
    if (options === undefined) return derive([this], reduce.max(this.node));
    return ordered(this, reduce.max(this.node, options));
  }

  /** All elements, or along one dim with indices; see `min` in ops/reduce.ts. */
  min(): Tensor;
  min(options: reduce.AlongOptions): TensorValuesAndIndices;
  min(options?: reduce.AlongOptions): Tensor | TensorValuesAndIndices {
    if (options === undefined) return derive([this], reduce.min(this.node));
    return ordered(this, reduce.min(this.node, options));
  }

  /** First index of the maximum, i32. */
  argmax(options?: reduce.ArgOptions): Tensor {
    return derive([this], reduce.argmax(this.node, options));
  }

  /** First index of the minimum, i32. */
  argmin(options?: reduce.ArgOptions): Tensor {
    return derive([this], reduce.argmin(this.node, options));
  }

  /** Variance over dims in two passes: Σ (x − mean)² / max(0, count − correction). */
  var(options?: reduce.VarianceOptions): Tensor {
    return derive([this], reduce.variance(this.node, options));
  }

  /** Variance and mean of one pair of passes. */
  varMean(options?: reduce.VarianceOptions): { readonly var: Tensor; readonly mean: Tensor } {
    const parts = reduce.varMean(this.node, options);
    return { var: derive([this], parts.var), mean: derive([this], parts.mean) };
  }

  /** Standard deviation over dims: the square root of `variance`. */
  std(options?: reduce.VarianceOptions): Tensor {
    return derive([this], reduce.std(this.node, options));
  }

  /** Vector norm over dims: (Σ |x|ᵖ)^(1/p). */
  norm(options?: reduce.NormOptions): Tensor {
    return derive([this], reduce.norm(this.node, options));
  }

  /** Running sum along `dim`, inclusive. */
  cumsum(dim: number, options?: scan.ScanOptions): Tensor {
    return derive([this], scan.cumsum(this.node, dim, options));
  }

  /** Running product along `dim`, inclusive. */
  cumprod(dim: number, options?: scan.ScanOptions): Tensor {
    return derive([this], scan.cumprod(this.node, dim, options));
  }

  /** Running maximum along `dim` and the latest index that holds it. */
  cummax(dim: number): TensorValuesAndIndices {
    return ordered(this, scan.cummax(this.node, dim));
  }

  /** Running minimum along `dim` and the latest index that holds it. */
  cummin(dim: number): TensorValuesAndIndices {
    return ordered(this, scan.cummin(this.node, dim));
  }

  /** eˣ / Σ eˣ along `dim`, computed in f32 for half types. */
  softmax(dim: number, options?: softmax.SoftmaxOptions): Tensor {
    return derive([this], softmax.softmax(this.node, dim, options));
  }

  /** e⁻ˣ / Σ e⁻ˣ along `dim`. */
  softmin(dim: number, options?: softmax.SoftmaxOptions): Tensor {
    return derive([this], softmax.softmin(this.node, dim, options));
  }

  /** ln softmax(x) along `dim` without a detour over small numbers. */
  logSoftmax(dim: number, options?: softmax.SoftmaxOptions): Tensor {
    return derive([this], softmax.logSoftmax(this.node, dim, options));
  }

  /** ln Σ eˣ over dims without overflow. */
  logsumexp(dim: number | readonly number[], options?: { readonly keepdim?: boolean }): Tensor {
    return derive([this], softmax.logsumexp(this.node, dim, options));
  }

  // Shape

  /** The same elements in row-major order in another shape. */
  reshape(shape: Shape): Tensor {
    return derive([this], shapes.reshape(this.node, shape));
  }

  /** As `reshape`: tensors have no memory layout of their own. */
  view(shape: Shape): Tensor {
    return derive([this], shapes.view(this.node, shape));
  }

  /** Joins the dims from `startDim` to `endDim` (inclusive) into one. */
  flatten(options?: { readonly startDim?: number; readonly endDim?: number }): Tensor {
    return derive([this], shapes.flatten(this.node, options));
  }

  /** Splits one dim into several. */
  unflatten(dim: number, sizes: Shape): Tensor {
    return derive([this], shapes.unflatten(this.node, dim, sizes));
  }

  /** Reorders dims: result dim i is dim `dims[i]` of x. */
  permute(dims: readonly number[]): Tensor {
    return derive([this], shapes.permute(this.node, dims));
  }

  /** Swaps two dims. */
  transpose(dim0: number, dim1: number): Tensor {
    return derive([this], shapes.transpose(this.node, dim0, dim1));
  }

  /** Transpose of a matrix. */
  t(): Tensor {
    return derive([this], shapes.t(this.node));
  }

  /** Moves dims to new places. */
  movedim(source: number | readonly number[], destination: number | readonly number[]): Tensor {
    return derive([this], shapes.movedim(this.node, source, destination));
  }

  /** Removes dims of size 1: all of them, or those of `dim` that have size 1. */
  squeeze(options?: { readonly dim?: number | readonly number[] }): Tensor {
    return derive([this], shapes.squeeze(this.node, options));
  }

  /** Inserts a dim of size 1 so that it becomes dim `dim` of the result. */
  unsqueeze(dim: number): Tensor {
    return derive([this], shapes.unsqueeze(this.node, dim));
  }

  /** Repeats dims of size 1 without copying. */
  expand(shape: Shape): Tensor {
    return derive([this], shapes.expand(this.node, shape));
  }

  /** x repeated to `shape` by NumPy's broadcasting rules. */
  broadcastTo(shape: Shape): Tensor {
    return derive([this], shapes.broadcastTo(this.node, shape));
  }

  /** x repeated `repeats[d]` times along each dim. */
  repeat(repeats: readonly number[]): Tensor {
    return derive([this], shapes.repeat(this.node, repeats));
  }

  /** As `repeat`, but missing counts are leading ones. */
  tile(dims: readonly number[]): Tensor {
    return derive([this], shapes.tile(this.node, dims));
  }

  /** Each element `repeats` times in a row along `dim`. */
  repeatInterleave(repeats: number, options?: { readonly dim?: number }): Tensor {
    return derive([this], shapes.repeatInterleave(this.node, repeats, options));
  }

  /** Strided part of x, one range per leading dim. */
  slice(ranges: readonly slicing.Range[]): Tensor {
    return derive([this], slicing.slice(this.node, ranges));
  }

  /** `length` elements from `start` along `dim`. */
  narrow(dim: number, start: number, length: number): Tensor {
    return derive([this], slicing.narrow(this.node, dim, start, length));
  }

  /** One index along `dim`, which disappears. */
  select(dim: number, index: number): Tensor {
    return derive([this], slicing.select(this.node, dim, index));
  }

  /**
   * Basic indexing as x[...] in Python: numbers remove their dim, ranges keep it (`[]` is the
   * whole dim), null inserts a dim of size 1, `"..."` stands for the dims not named.
   */
  index(entries: readonly slicing.IndexEntry[]): Tensor {
    return derive([this], slicing.index(this.node, entries));
  }

  /** Reverses dims. */
  flip(dims: number | readonly number[]): Tensor {
    return derive([this], slicing.flip(this.node, dims));
  }

  /** Shifts elements along dims, those that leave re-enter. */
  roll(
    shifts: number | readonly number[],
    options?: { readonly dims?: number | readonly number[] },
  ): Tensor {
    return derive([this], slicing.roll(this.node, shifts, options));
  }

  /**
   * Rotates by `k` quarter turns in the plane of two dims, from the first towards the second.
   */
  rot90(options?: { readonly k?: number; readonly dims?: readonly [number, number] }): Tensor {
    return derive([this], slicing.rot90(this.node, options));
  }

  /**
   * Parts of `splitSize` elements along `dim` (the last may be shorter), or of the given sizes.
   */
  split(splitSize: number | readonly number[], options?: { readonly dim?: number }): Tensor[] {
    return slicing.split(this.node, splitSize, options).map((node) => derive([this], node));
  }

  /** At most `chunks` parts of equal size along `dim`. */
  chunk(chunks: number, options?: { readonly dim?: number }): Tensor[] {
    return slicing.chunk(this.node, chunks, options).map((node) => derive([this], node));
  }

  /** The slices along `dim`, each without that dim. */
  unbind(options?: { readonly dim?: number }): Tensor[] {
    return slicing.unbind(this.node, options).map((node) => derive([this], node));
  }

  /** Sliding windows of `size` elements every `step` along a dim. */
  unfold(dimension: number, size: number, step: number): Tensor {
    return derive([this], slicing.unfold(this.node, dimension, size, step));
  }

  /** Pads the last dims of x. */
  pad(amounts: readonly number[], options?: joining.PadOptions): Tensor {
    return derive([this], joining.pad(this.node, amounts, options));
  }

  /** Matrices with zeros above a diagonal. */
  tril(options?: diagonals.TriangleOptions): Tensor {
    return derive([this], diagonals.tril(this.node, options));
  }

  /** Matrices with zeros below a diagonal. */
  triu(options?: diagonals.TriangleOptions): Tensor {
    return derive([this], diagonals.triu(this.node, options));
  }

  /** The diagonal of the plane of two dims, as the last dim of the result. */
  diagonal(options?: diagonals.DiagonalOptions): Tensor {
    return derive([this], diagonals.diagonal(this.node, options));
  }

  /** Diagonal of a matrix, or the matrix with a vector on its diagonal. */
  diag(options?: diagonals.TriangleOptions): Tensor {
    return derive([this], diagonals.diag(this.node, options));
  }

  /** Sum of the main diagonal of a matrix. */
  trace(): Tensor {
    return derive([this], diagonals.trace(this.node));
  }

  // Indexing and sorting

  /** out[i][j] = x[index[i][j]][j] for dim 0. */
  gather(dim: number, index: Tensor): Tensor {
    return derive([this, index], indexing.gather(this.node, index.node, dim));
  }

  /** As `gather`, with x and index broadcast against each other outside `dim`. */
  takeAlongDim(index: Tensor, dim: number): Tensor {
    return derive([this, index], indexing.takeAlongDim(this.node, index.node, dim));
  }

  /** The slices of x along `dim` that a vector of indices names. */
  indexSelect(dim: number, index: Tensor): Tensor {
    return derive([this, index], indexing.indexSelect(this.node, index.node, dim));
  }

  /** x with out[index[i][j]][j] = source[i][j] for dim 0. */
  scatter(dim: number, index: Tensor, source: TensorLike): Tensor {
    return derive(
      [this, index, source],
      indexing.scatter(this.node, index.node, operand(source), dim),
    );
  }

  /** x with out[index[i][j]][j] += source[i][j] for dim 0. */
  scatterAdd(dim: number, index: Tensor, source: Tensor): Tensor {
    return derive(
      [this, index, source],
      indexing.scatterAdd(this.node, index.node, source.node, dim),
    );
  }

  /** x plus the slices of `source` at the places a vector of indices names. */
  indexAdd(dim: number, index: Tensor, source: Tensor, options?: indexing.IndexAddOptions): Tensor {
    return derive(
      [this, index, source],
      indexing.indexAdd(this.node, index.node, source.node, dim, options),
    );
  }

  /** x with the slices of `source` in the places a vector of distinct indices names. */
  indexCopy(dim: number, index: Tensor, source: Tensor): Tensor {
    return derive(
      [this, index, source],
      indexing.indexCopy(this.node, index.node, source.node, dim),
    );
  }

  /** Stable sorting permutation along a dim, i32. */
  argsort(options?: indexing.SortOptions): Tensor {
    return derive([this], indexing.argsort(this.node, options));
  }

  /** Sorted values along a dim and where they came from. */
  sort(options?: indexing.SortOptions): TensorValuesAndIndices {
    return ordered(this, indexing.sort(this.node, options));
  }

  /** The k largest (or smallest) values along a dim, sorted, and their indices. */
  topk(k: number, options?: indexing.TopkOptions): TensorValuesAndIndices {
    return ordered(this, indexing.topk(this.node, k, options));
  }

  // Products

  /**
   * Matrix product by torch's rules: vectors are rows (left) or columns (right) that vanish from
   * the result, leading dims are batches that broadcast.
   */
  matmul(other: Tensor): Tensor {
    return derive([this, other], linear.matmul(this.node, other.node));
  }

  /** Product of two matrices: [M, K] · [K, N] → [M, N]. */
  mm(other: Tensor): Tensor {
    return derive([this, other], linear.mm(this.node, other.node));
  }

  /** Products of two equally long batches of matrices: [B, M, K] · [B, K, N] → [B, M, N]. */
  bmm(other: Tensor): Tensor {
    return derive([this, other], linear.bmm(this.node, other.node));
  }

  /** Matrix times vector: [M, K] · [K] → [M]. */
  mv(other: Tensor): Tensor {
    return derive([this, other], linear.mv(this.node, other.node));
  }

  /** Inner product of two vectors. */
  dot(other: Tensor): Tensor {
    return derive([this, other], linear.dot(this.node, other.node));
  }

  /** All products of two vectors: [M], [N] → [M, N]. */
  outer(other: Tensor): Tensor {
    return derive([this, other], linear.outer(this.node, other.node));
  }

  /** bias + a · b with bias broadcast. */
  addmm(a: Tensor, b: Tensor): Tensor {
    return derive([this, a, b], linear.addmm(this.node, a.node, b.node));
  }

  /** Matrices with the last dim of x on a diagonal and zeros elsewhere. */
  diagEmbed(options?: { readonly offset?: number }): Tensor {
    return derive([this], diagonals.diagEmbed(this.node, options));
  }

  // Activations that torch has as methods

  /** max(x, 0). */
  relu(): Tensor {
    return derive([this], activation.relu(this.node));
  }

  /** 1 / (1 + e⁻ˣ). */
  sigmoid(): Tensor {
    return derive([this], activation.sigmoid(this.node));
  }
}
