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
import { dtypes, isFloat, isInteger, parseDType } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Shape } from "../ir/shape.ts";
import { broadcastShapes, formatShape, normalizeDim, numel, sameShape } from "../ir/shape.ts";
import { assignCell, derivedCell, detachedCell, nodeOf, storedCell } from "./cells.ts";
import { lower, widen } from "./autocast.ts";
import type { HostData, NestedData, TensorData } from "./host.ts";
import { decode, encode, formatData, naturalDType, toNested } from "./host.ts";
import {
  coordinatesOf,
  distinctSlices,
  highestOf,
  lowestOf,
  placesOfNonzero,
} from "./host-shaped.ts";
import * as activation from "./ops/activation.ts";
import * as arithmetic from "./ops/arithmetic.ts";
import * as diagonals from "./ops/diagonals.ts";
import * as indexing from "./ops/indexing.ts";
import * as joining from "./ops/joining.ts";
import * as linear from "./ops/linear.ts";
import * as logic from "./ops/logic.ts";
import * as numeric from "./ops/numeric.ts";
import * as ordering from "./ops/ordering.ts";
import * as reduce from "./ops/reduce.ts";
import * as running from "./ops/running.ts";
import * as scan from "./ops/scan.ts";
import * as scattering from "./ops/scattering.ts";
import * as searching from "./ops/searching.ts";
import * as shapes from "./ops/shape.ts";
import * as slicing from "./ops/slicing.ts";
import * as softmax from "./ops/softmax.ts";
import * as specialBessel from "./ops/special-bessel.ts";
import * as specialGamma from "./ops/special-gamma.ts";
import * as specialNormal from "./ops/special-normal.ts";
import * as stacking from "./ops/stacking.ts";
import * as statistics from "./ops/statistics.ts";
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

/** Options of {@link Tensor.diff}. */
export interface DiffOptions {
  /** How often differences are taken. @defaultValue 1 */
  readonly n?: number;
  /** @defaultValue -1 */
  readonly dim?: number;
  /** Put before x along the dim. */
  readonly prepend?: Tensor | null;
  /** Put after x along the dim. */
  readonly append?: Tensor | null;
}

/** Options of {@link Tensor.unique} and {@link Tensor.uniqueConsecutive}. */
export interface UniqueOptions {
  /** Whole slices along it are compared; without it single elements. */
  readonly dim?: number | null;
  /** Accepted for torch's sake: `unique` always sorts. */
  readonly sorted?: boolean;
  /** Asks for {@link UniqueParts}. */
  readonly returnInverse?: boolean;
  /** Asks for {@link UniqueParts}. */
  readonly returnCounts?: boolean;
}

interface NoParts {
  readonly returnInverse?: false;
  readonly returnCounts?: false;
}

type AnyParts = { readonly returnInverse: true } | { readonly returnCounts: true };

/** Distinct values, which of them each element is, and how often each occurs. */
export interface UniqueParts {
  readonly values: Tensor;
  readonly inverse: Tensor;
  readonly counts: Tensor;
}

/** Options of {@link Tensor.bincount}. */
export interface BincountOptions {
  /** What each element counts. */
  readonly weights?: Tensor | undefined;
  /** Least length of the result. @defaultValue 0 */
  readonly minlength?: number;
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

function pair(
  a: Tensor,
  b: TensorLike,
  op: (a: Node | number, b: Node | number) => Node,
  take: (x: Tensor) => Node = nodeIn,
): Tensor {
  return derive([a, b], op(take(a), typeof b === "number" ? b : take(b)));
}

const nodeIn = (x: Tensor): Node => x.node;

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

  /** Whether the dtype is f64, f32, f16 or bf16. */
  isFloatingPoint(): boolean {
    return isFloat(this.dtype);
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
    return pair(this, other, arithmetic.pow, widen);
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

  /** P(x, other), the regularised lower incomplete gamma function. */
  igamma(other: TensorLike): Tensor {
    return pair(this, other, specialGamma.gammainc);
  }

  /** Q(x, other) = 1 − P(x, other). */
  igammac(other: TensorLike): Tensor {
    return pair(this, other, specialGamma.gammaincc);
  }

  /** Mantissa in ±[½, 1) and exponent (i32) with x = mantissa · 2^exponent. */
  frexp(): { readonly mantissa: Tensor; readonly exponent: Tensor } {
    const { mantissa, exponent } = numeric.frexp(this.node);
    return { mantissa: derive([this], mantissa), exponent: derive([this], exponent) };
  }

  /** x itself. */
  positive(): Tensor {
    return this;
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
    return derive([this], arithmetic.reciprocal(widen(this)));
  }

  /** √x. */
  sqrt(): Tensor {
    return derive([this], arithmetic.sqrt(this.node));
  }

  /** 1 / √x. */
  rsqrt(): Tensor {
    return derive([this], arithmetic.rsqrt(widen(this)));
  }

  /** eˣ. */
  exp(): Tensor {
    return derive([this], arithmetic.exp(widen(this)));
  }

  /** eˣ − 1, accurate near 0. */
  expm1(): Tensor {
    return derive([this], arithmetic.expm1(widen(this)));
  }

  /** 2ˣ. */
  exp2(): Tensor {
    return derive([this], arithmetic.exp2(this.node));
  }

  /** Natural logarithm. */
  log(): Tensor {
    return derive([this], arithmetic.log(widen(this)));
  }

  /** ln(1 + x), accurate near 0. */
  log1p(): Tensor {
    return derive([this], arithmetic.log1p(widen(this)));
  }

  /** Logarithm to base 2. */
  log2(): Tensor {
    return derive([this], arithmetic.log2(widen(this)));
  }

  /** Logarithm to base 10. */
  log10(): Tensor {
    return derive([this], arithmetic.log10(widen(this)));
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
    return derive([this], trigonometry.tan(widen(this)));
  }

  /** Hyperbolic tangent. */
  tanh(): Tensor {
    return derive([this], trigonometry.tanh(this.node));
  }

  /** (eˣ − e⁻ˣ) / 2, accurate near 0. */
  sinh(): Tensor {
    return derive([this], trigonometry.sinh(widen(this)));
  }

  /** (eˣ + e⁻ˣ) / 2. */
  cosh(): Tensor {
    return derive([this], trigonometry.cosh(widen(this)));
  }

  /** Arcsine in [−π/2, π/2]. */
  asin(): Tensor {
    return derive([this], trigonometry.asin(widen(this)));
  }

  /** Arccosine in [0, π]. */
  acos(): Tensor {
    return derive([this], trigonometry.acos(widen(this)));
  }

  /** Arctangent in [−π/2, π/2]. */
  atan(): Tensor {
    return derive([this], trigonometry.atan(this.node));
  }

  /** Angle of the point (x, y) in (−π, π]. */
  atan2(other: TensorLike): Tensor {
    return pair(this, other, trigonometry.atan2);
  }

  /** The inverse of sinh. */
  asinh(): Tensor {
    return derive([this], trigonometry.asinh(this.node));
  }

  /** The inverse of cosh; NaN below 1. */
  acosh(): Tensor {
    return derive([this], trigonometry.acosh(this.node));
  }

  /** The inverse of tanh; NaN outside [−1, 1]. */
  atanh(): Tensor {
    return derive([this], trigonometry.atanh(this.node));
  }

  /** sin(πx) / (πx), 1 at 0. */
  sinc(): Tensor {
    return derive([this], trigonometry.sinc(this.node));
  }

  /** Degrees to radians. */
  deg2rad(): Tensor {
    return derive([this], trigonometry.deg2rad(this.node));
  }

  /** Radians to degrees. */
  rad2deg(): Tensor {
    return derive([this], trigonometry.rad2deg(this.node));
  }

  /** √(a² + b²) without overflow on the way. */
  hypot(other: TensorLike): Tensor {
    return pair(this, other, numeric.hypot);
  }

  /** The size of a with the sign of b. */
  copysign(other: TensorLike): Tensor {
    return pair(this, other, numeric.copysign);
  }

  /** The next f32 after a towards b. */
  nextafter(other: TensorLike): Tensor {
    return pair(this, other, numeric.nextafter);
  }

  /** x · 2ⁿ. */
  ldexp(other: TensorLike): Tensor {
    return pair(this, other, numeric.ldexp);
  }

  /** aᵇ in floats: integers count as f32. */
  floatPower(other: TensorLike): Tensor {
    return pair(this, other, numeric.floatPower);
  }

  /** Elementwise maximum that prefers a number to NaN. */
  fmax(other: TensorLike): Tensor {
    return pair(this, other, numeric.fmax);
  }

  /** Elementwise minimum that prefers a number to NaN. */
  fmin(other: TensorLike): Tensor {
    return pair(this, other, numeric.fmin);
  }

  /** a · ln b, and 0 where a is 0. */
  xlogy(other: TensorLike): Tensor {
    return pair(this, other, numeric.xlogy);
  }

  /** log₂(2ᵃ + 2ᵇ) without overflow. */
  logaddexp2(other: TensorLike): Tensor {
    return pair(this, other, numeric.logaddexp2);
  }

  /** Greatest common divisor of integers. */
  gcd(other: TensorLike): Tensor {
    return pair(this, other, numeric.gcd);
  }

  /** Least common multiple of integers. */
  lcm(other: TensorLike): Tensor {
    return pair(this, other, numeric.lcm);
  }

  /** 0 below 0, 1 above 0 and `values` at 0. */
  heaviside(values: TensorLike): Tensor {
    return derive([this, values], numeric.heaviside(this.node, operand(values)));
  }

  /** x + value · a · b, all broadcast. */
  addcmul(a: Tensor, b: TensorLike, options: { readonly value?: number } = {}): Tensor {
    const node = numeric.addcmul(this.node, a.node, operand(b), options.value);
    return derive([this, a, b], node);
  }

  /** x + value · a / b, all broadcast. */
  addcdiv(a: Tensor, b: TensorLike, options: { readonly value?: number } = {}): Tensor {
    const node = numeric.addcdiv(this.node, a.node, operand(b), options.value);
    return derive([this, a, b], node);
  }

  /** x limited from below. */
  clampMin(min: TensorLike): Tensor {
    return this.clamp({ min });
  }

  /** x limited from above. */
  clampMax(max: TensorLike): Tensor {
    return this.clamp({ max });
  }

  /** ln |Γ(x)|. */
  lgamma(): Tensor {
    return derive([this], specialGamma.lgamma(this.node));
  }

  /** The derivative of lgamma. */
  digamma(): Tensor {
    return derive([this], specialGamma.digamma(this.node));
  }

  /** The n-th derivative of digamma. */
  polygamma(n: number): Tensor {
    return derive([this], specialGamma.polygamma(n, this.node));
  }

  /** ln of the multivariate gamma function of dimension p. */
  mvlgamma(p: number): Tensor {
    return derive([this], specialGamma.multigammaln(this.node, p));
  }

  /** 1 − erf x, with relative accuracy in the tail. */
  erfc(): Tensor {
    return derive([this], specialNormal.erfc(this.node));
  }

  /** The inverse of erf; ±∞ at ±1, NaN outside [−1, 1]. */
  erfinv(): Tensor {
    return derive([this], specialNormal.erfinv(widen(this)));
  }

  /** ln(x / (1 − x)); with `eps`, x is first limited to [eps, 1 − eps]. */
  logit(options?: { readonly eps?: number | null }): Tensor {
    return derive([this], specialNormal.logit(this.node, options));
  }

  /** Modified Bessel function of the first kind, order 0. */
  i0(): Tensor {
    return derive([this], specialBessel.i0(this.node));
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

  /** Whether the sign bit is set, also for −0. */
  signbit(): Tensor {
    return derive([this], numeric.signbit(this.node));
  }

  /** Whether x is +∞. */
  isposinf(): Tensor {
    return derive([this], numeric.isposinf(this.node));
  }

  /** Whether x is −∞. */
  isneginf(): Tensor {
    return derive([this], numeric.isneginf(this.node));
  }

  /** |a − b| ≤ atol + rtol · |b|, or a = b, as bool. */
  isclose(other: TensorLike, options?: numeric.CloseOptions): Tensor {
    return derive([this, other], numeric.isclose(this.node, operand(other), options));
  }

  /** Whether `isclose` holds everywhere; reads the values. */
  async allclose(other: TensorLike, options?: numeric.CloseOptions): Promise<boolean> {
    return (await this.isclose(other, options).all().item()) !== 0;
  }

  /** Whether shapes and all elements are equal; reads the values. */
  async equal(other: Tensor): Promise<boolean> {
    if (!sameShape(this.shape, other.shape)) return false;
    return (await this.eq(other).all().item()) !== 0;
  }

  // Reductions

  /** Sum over dims. */
  sum(options?: reduce.SumOptions): Tensor {
    return derive([this], reduce.sum(widen(this), options));
  }

  /** Product over dims. */
  prod(options?: reduce.SumOptions): Tensor {
    return derive([this], reduce.prod(widen(this), options));
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
    return derive([this], reduce.norm(widen(this), options));
  }

  /** Running sum along `dim`, inclusive. */
  cumsum(dim: number, options?: scan.ScanOptions): Tensor {
    return derive([this], scan.cumsum(widen(this), dim, options));
  }

  /** Running product along `dim`, inclusive. */
  cumprod(dim: number, options?: scan.ScanOptions): Tensor {
    return derive([this], scan.cumprod(widen(this), dim, options));
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
    return derive([this], softmax.softmax(widen(this), dim, options));
  }

  /** e⁻ˣ / Σ e⁻ˣ along `dim`. */
  softmin(dim: number, options?: softmax.SoftmaxOptions): Tensor {
    return derive([this], softmax.softmin(widen(this), dim, options));
  }

  /** ln softmax(x) along `dim` without a detour over small numbers. */
  logSoftmax(dim: number, options?: softmax.SoftmaxOptions): Tensor {
    return derive([this], softmax.logSoftmax(widen(this), dim, options));
  }

  /** ln Σ eˣ over dims without overflow. */
  logsumexp(dim: number | readonly number[], options?: { readonly keepdim?: boolean }): Tensor {
    return derive([this], softmax.logsumexp(widen(this), dim, options));
  }

  /** Sum over dims in which NaN counts as 0. */
  nansum(options?: reduce.SumOptions): Tensor {
    return derive([this], statistics.nansum(widen(this), options));
  }

  /** Mean over dims of the elements that are no NaN. */
  nanmean(options?: reduce.SumOptions): Tensor {
    return derive([this], statistics.nanmean(this.node, options));
  }

  /** Smallest and largest elements over one dim or all. */
  aminmax(options?: { readonly dim?: number | null; readonly keepdim?: boolean }): {
    readonly min: Tensor;
    readonly max: Tensor;
  } {
    const { min, max } = statistics.aminmax(this.node, options);
    return { min: derive([this], min), max: derive([this], max) };
  }

  /** Standard deviation and mean over dims. */
  stdMean(options?: reduce.VarianceOptions): { readonly std: Tensor; readonly mean: Tensor } {
    const parts = statistics.stdMean(this.node, options);
    return { std: derive([this], parts.std), mean: derive([this], parts.mean) };
  }

  /** The p-norm of a − b over all elements. */
  dist(other: Tensor, options?: { readonly p?: number }): Tensor {
    return derive([this, other], statistics.dist(widen(this), widen(other), options));
  }

  /** x whose slices along `dim` are scaled down to a p-norm of at most `maxnorm`. */
  renorm(p: number, dim: number, maxnorm: number): Tensor {
    return derive([this], statistics.renorm(widen(this), p, dim, maxnorm));
  }

  /** The lower median of all elements, or values and indices along `dim`; NaN wins. */
  median(): Tensor;
  median(options: reduce.AlongOptions): TensorValuesAndIndices;
  median(options?: reduce.AlongOptions): Tensor | TensorValuesAndIndices {
    if (options === undefined) return derive([this], ordering.median(this.node));
    return ordered(this, ordering.median(this.node, options));
  }

  /** As `median` over the elements that are no NaN. */
  nanmedian(): Tensor;
  nanmedian(options: reduce.AlongOptions): TensorValuesAndIndices;
  nanmedian(options?: reduce.AlongOptions): Tensor | TensorValuesAndIndices {
    if (options === undefined) return derive([this], ordering.nanmedian(this.node));
    return ordered(this, ordering.nanmedian(this.node, options));
  }

  /** The most frequent value along a dim, the smallest of several, and its last index. */
  mode(options?: ordering.OrderOptions): TensorValuesAndIndices {
    return ordered(this, ordering.mode(this.node, options));
  }

  /** Quantiles along a dim or of all elements; several levels become a first dim. */
  quantile(q: Tensor | number | readonly number[], options?: ordering.QuantileOptions): Tensor {
    if (q instanceof Tensor) {
      return derive([this, q], ordering.quantile(this.node, q.node, options));
    }
    return derive([this], ordering.quantile(this.node, q, options));
  }

  /** As `quantile` over the elements that are no NaN. */
  nanquantile(q: Tensor | number | readonly number[], options?: ordering.QuantileOptions): Tensor {
    if (q instanceof Tensor) {
      return derive([this, q], ordering.nanquantile(this.node, q.node, options));
    }
    return derive([this], ordering.nanquantile(this.node, q, options));
  }

  /** ln Σ eˣ of the elements so far along `dim`, without overflow. */
  logcumsumexp(dim: number): Tensor {
    return derive([this], running.logcumsumexp(this.node, dim));
  }

  /** Differences of neighbours along a dim. */
  diff(options: DiffOptions = {}): Tensor {
    const { prepend, append, ...rest } = options;
    const ends = [prepend, append].filter((end) => end != null);
    const parts = { ...rest, prepend: prepend?.node, append: append?.node };
    return derive([this, ...ends], running.diff(this.node, parts));
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

  /** Each element `repeats` times in a row along `dim`, or each slice its own number of times. */
  repeatInterleave(
    repeats: number | readonly number[],
    options: { readonly dim?: number } = {},
  ): Tensor {
    if (typeof repeats === "number") {
      return derive([this], shapes.repeatInterleave(this.node, repeats, options));
    }
    const dim = normalizeDim("repeatInterleave", options.dim ?? 0, this.ndim);
    if (options.dim === undefined && this.ndim !== 1) {
      return this.ravel().repeatInterleave(repeats, { dim: 0 });
    }
    const places = shapes.repeatedPlaces(repeats, this.shape[dim]);
    return this.indexSelect(dim, this.#integers(places, [places.length]));
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
   * Indexing as x[...] in Python: numbers remove their dim, ranges keep it (`[]` is the whole dim),
   * null inserts a dim of size 1, `"..."` stands for the dims not named. Integer tensors pick
   * elements together: their common shape takes the place of their dims, or comes first if those are
   * not neighbours.
   */
  index(entries: readonly (slicing.IndexEntry | Tensor)[]): Tensor {
    const tensors = entries.filter((entry) => entry instanceof Tensor);
    const basic = entries.map((entry) => (entry instanceof Tensor ? ([] as const) : entry));
    const part = slicing.index(this.node, basic);
    if (tensors.length === 0) return derive([this], part);
    const dims = slicing.dimsOfEntries(
      basic,
      entries.map((entry) => entry instanceof Tensor),
      part.shape.length,
    );
    const nodes = tensors.map((tensor) => tensor.node);
    return derive([this, ...tensors], scattering.indexTogether(part, nodes, dims));
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

  /** Swaps two dims. */
  swapaxes(axis0: number, axis1: number): Tensor {
    return this.transpose(axis0, axis1);
  }

  /** As `movedim`. */
  moveaxis(source: number | readonly number[], destination: number | readonly number[]): Tensor {
    return this.movedim(source, destination);
  }

  /** All elements as one dim. */
  ravel(): Tensor {
    return this.reshape([-1]);
  }

  /** Expanded to the shape of another tensor. */
  expandAs(other: Tensor): Tensor {
    return this.expand(other.shape);
  }

  /** Reshaped to the shape of another tensor. */
  reshapeAs(other: Tensor): Tensor {
    return this.reshape(other.shape);
  }

  /** As `reshapeAs`. */
  viewAs(other: Tensor): Tensor {
    return this.reshape(other.shape);
  }

  /** Summed down to a shape that broadcasts to this one. */
  sumToSize(shape: Shape): Tensor {
    broadcastShapes("sumToSize", this.shape, shape);
    return derive([this], ir.sumTo(this.node, shape));
  }

  /** Columns in reverse order: dim 1. */
  fliplr(): Tensor {
    return this.flip(1);
  }

  /** Rows in reverse order: dim 0. */
  flipud(): Tensor {
    return this.flip(0);
  }

  /** Parts along a dim: a number of nearly equal ones, or cut before each index. */
  tensorSplit(sections: number | readonly number[], options?: { readonly dim?: number }): Tensor[] {
    return stacking.tensorSplit(this.node, sections, options).map((node) => derive([this], node));
  }

  /** Parts along the second dim, of a vector along its only one. */
  hsplit(sections: number | readonly number[]): Tensor[] {
    return stacking.hsplit(this.node, sections).map((node) => derive([this], node));
  }

  /** Parts along the first dim. */
  vsplit(sections: number | readonly number[]): Tensor[] {
    return stacking.vsplit(this.node, sections).map((node) => derive([this], node));
  }

  /** Parts along the third dim. */
  dsplit(sections: number | readonly number[]): Tensor[] {
    return stacking.dsplit(this.node, sections).map((node) => derive([this], node));
  }

  /** The flattened tensor on the diagonal of a matrix. */
  diagflat(options?: { readonly offset?: number }): Tensor {
    return this.ravel().diagEmbed(options);
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

  /** x with out[index[i][j]][j] = source[i][j] for dim 0; with `reduce` joined with x. */
  scatter(
    dim: number,
    index: Tensor,
    source: TensorLike,
    options?: scattering.ScatterOptions,
  ): Tensor {
    return derive(
      [this, index, source],
      scattering.scatterWith(this.node, index.node, operand(source), dim, options),
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

  /** x with the elements of `source` joined into the places the index names. */
  scatterReduce(
    dim: number,
    index: Tensor,
    source: Tensor,
    reduction: scattering.ScatterReduction,
    options?: scattering.ScatterReduceOptions,
  ): Tensor {
    const nodes = [this.node, index.node, source.node] as const;
    return derive(
      [this, index, source],
      scattering.scatterReduce(...nodes, dim, reduction, options),
    );
  }

  /** As `scatterReduce` for whole slices at the places a vector of indices names. */
  indexReduce(
    dim: number,
    index: Tensor,
    source: Tensor,
    reduction: scattering.ScatterReduction,
    options?: scattering.ScatterReduceOptions,
  ): Tensor {
    const nodes = [this.node, index.node, source.node] as const;
    return derive([this, index, source], scattering.indexReduce(...nodes, dim, reduction, options));
  }

  /** x with one value in the slices a vector of indices names. */
  indexFill(dim: number, index: Tensor, value: TensorLike): Tensor {
    const node = scattering.indexFill(this.node, index.node, operand(value), dim);
    return derive([this, index, value], node);
  }

  /**
   * x with values at the places that index tensors for its leading dims name together (torch's x[i,
   * j] = values); one bool mask with one value also fits.
   */
  indexPut(
    indices: readonly Tensor[],
    values: TensorLike,
    options?: scattering.PutOptions,
  ): Tensor {
    const nodes = indices.map((index) => index.node);
    const node = scattering.indexPut(this.node, nodes, operand(values), options);
    return derive([this, ...indices, values], node);
  }

  /** Elements of the flattened tensor, in the shape of the index. */
  take(index: Tensor): Tensor {
    return derive([this, index], scattering.take(this.node, index.node));
  }

  /** x with elements of `source` at places of the flattened tensor. */
  put(index: Tensor, source: Tensor, options?: scattering.PutOptions): Tensor {
    const node = scattering.put(this.node, index.node, source.node, options);
    return derive([this, index, source], node);
  }

  /** x with the elements of `source`, in row-major order, where the mask holds. */
  maskedScatter(mask: Tensor, source: Tensor): Tensor {
    const node = scattering.maskedScatter(this.node, mask.node, source.node);
    return derive([this, mask, source], node);
  }

  /** x with `source` in the place of one slice along `dim`. */
  selectScatter(source: Tensor, dim: number, index: number): Tensor {
    return derive([this, source], scattering.selectScatter(this.node, source.node, dim, index));
  }

  /** x with `source` in the place of a strided range of slices along a dim. */
  sliceScatter(source: Tensor, options?: scattering.SliceScatterOptions): Tensor {
    return derive([this, source], scattering.sliceScatter(this.node, source.node, options));
  }

  /** x with `source` on a diagonal of the plane of two dims. */
  diagonalScatter(source: Tensor, options?: diagonals.DiagonalOptions): Tensor {
    return derive([this, source], scattering.diagonalScatter(this.node, source.node, options));
  }

  /** Sorted along the first dim. */
  msort(): Tensor {
    return derive([this], ordering.msort(this.node));
  }

  /** The k-th smallest value along a dim (k from 1) and its index. */
  kthvalue(k: number, options?: ordering.OrderOptions): TensorValuesAndIndices {
    return ordered(this, ordering.kthvalue(this.node, k, options));
  }

  /** Counts of elements in equal bins; elements outside and NaN do not count. */
  histc(options?: searching.HistcOptions): Tensor {
    return derive([this], searching.histc(this.node, options));
  }

  /**
   * As `nonzero`, with a fixed number of rows, so that it works inside jit: missing ones are filled,
   * surplus ones dropped.
   */
  nonzeroStatic(size: number, options?: { readonly fillValue?: number }): Tensor {
    return derive([this], searching.nonzeroStatic(this.node, size, options));
  }

  // Results whose shape depends on values: they read, so they are asynchronous and refuse jit

  async #read(op: string): Promise<TensorData> {
    refuseInTrace(`${op} (its shape depends on values)`);
    return this.data();
  }

  #integers(values: Int32Array, shape: Shape): Tensor {
    return Tensor.from(values, shape, { device: this.device });
  }

  /** Indices of the elements that are not zero, i32 [count, ndim]. */
  async nonzero(): Promise<Tensor> {
    const places = placesOfNonzero(await this.#read("nonzero"));
    return this.#integers(coordinatesOf(places, this.shape), [places.length, this.ndim]);
  }

  /** As `nonzero`. */
  async argwhere(): Promise<Tensor> {
    return this.nonzero();
  }

  /** The elements where a mask holds, as a vector; gradients flow back to them. */
  async maskedSelect(mask: Tensor): Promise<Tensor> {
    const shape = broadcastShapes("maskedSelect", this.shape, mask.shape);
    if (mask.dtype !== "bool") {
      throw new DTypeError(
        `maskedSelect: mask must be bool, got ${mask.dtype}; compare it with ne(0)`,
      );
    }
    const places = placesOfNonzero(await mask.broadcastTo(shape).#read("maskedSelect"));
    return this.broadcastTo(shape)
      .reshape([-1])
      .indexSelect(0, this.#integers(places, [places.length]));
  }

  /** Distinct elements in ascending order, or distinct slices along `dim`. */
  async unique(options?: UniqueOptions & NoParts): Promise<Tensor>;
  async unique(options: UniqueOptions & AnyParts): Promise<UniqueParts>;
  async unique(options: UniqueOptions = {}): Promise<Tensor | UniqueParts> {
    return this.#distinct("unique", options, false);
  }

  /** The first of each run of equal neighbours. */
  async uniqueConsecutive(options?: UniqueOptions & NoParts): Promise<Tensor>;
  async uniqueConsecutive(options: UniqueOptions & AnyParts): Promise<UniqueParts>;
  async uniqueConsecutive(options: UniqueOptions = {}): Promise<Tensor | UniqueParts> {
    return this.#distinct("uniqueConsecutive", options, true);
  }

  async #distinct(
    op: string,
    { dim, returnInverse = false, returnCounts = false }: UniqueOptions,
    consecutive: boolean,
  ): Promise<Tensor | UniqueParts> {
    const axis = dim == null ? 0 : normalizeDim(op, dim, this.ndim);
    const source = dim == null ? this.reshape([-1]) : this;
    const data = await source.#read(op);
    const { first, inverse, counts } = distinctSlices(data, source.shape, axis, consecutive);
    const values = source.detach().indexSelect(axis, this.#integers(first, [first.length]));
    if (!returnInverse && !returnCounts) return values;
    const places = this.#integers(inverse, dim == null ? this.shape : [inverse.length]);
    return { values, inverse: places, counts: this.#integers(counts, [counts.length]) };
  }

  /**
   * How often each of 0, 1, … occurs in a vector of integers ≥ 0 (i32), or the sums of their
   * weights. Inside jit use `histc` or `scatterAdd` on zeros, whose sizes are known.
   */
  async bincount(options: BincountOptions = {}): Promise<Tensor> {
    const { weights, minlength = 0 } = options;
    const data = await this.#read("bincount");
    const isVector = this.ndim === 1 && (isInteger(this.dtype) || this.dtype === "bool");
    if (!isVector || lowestOf(data) < 0) {
      throw new ShapeError(
        `bincount: x must be a vector of integers ≥ 0, got ${this.dtype}${formatShape(this.shape)}`,
      );
    }
    const length = Math.max(highestOf(data) + 1, minlength);
    const dtype = weights === undefined ? "i32" : weights.dtype;
    const zeros = derive([], ir.full([length], 0, dtype), this.device);
    const ones = derive([], ir.full(this.shape, 1, dtype), this.device);
    return zeros.scatterAdd(0, this.to("i32"), weights ?? ones);
  }

  // Products

  /**
   * Matrix product by torch's rules: vectors are rows (left) or columns (right) that vanish from
   * the result, leading dims are batches that broadcast.
   */
  matmul(other: Tensor): Tensor {
    return derive([this, other], linear.matmul(lower(this), lower(other)));
  }

  /** Product of two matrices: [M, K] · [K, N] → [M, N]. */
  mm(other: Tensor): Tensor {
    return derive([this, other], linear.mm(lower(this), lower(other)));
  }

  /** Products of two equally long batches of matrices: [B, M, K] · [B, K, N] → [B, M, N]. */
  bmm(other: Tensor): Tensor {
    return derive([this, other], linear.bmm(lower(this), lower(other)));
  }

  /** Matrix times vector: [M, K] · [K] → [M]. */
  mv(other: Tensor): Tensor {
    return derive([this, other], linear.mv(lower(this), lower(other)));
  }

  /** Inner product of two vectors. */
  dot(other: Tensor): Tensor {
    return derive([this, other], linear.dot(this.node, other.node));
  }

  /** All products of two vectors: [M], [N] → [M, N]. */
  outer(other: Tensor): Tensor {
    return derive([this, other], linear.outer(this.node, other.node));
  }

  /** beta · x + alpha · a · b with x broadcast. */
  addmm(a: Tensor, b: Tensor, options?: linear.AddedProductOptions): Tensor {
    return derive([this, a, b], linear.addmm(lower(this), lower(a), lower(b), options));
  }

  /** beta · x + alpha · (matrix times vector). */
  addmv(matrix: Tensor, vector: Tensor, options?: linear.AddedProductOptions): Tensor {
    return derive(
      [this, matrix, vector],
      linear.addmv(lower(this), lower(matrix), lower(vector), options),
    );
  }

  /** beta · x + alpha · (outer product of two vectors). */
  addr(a: Tensor, b: Tensor, options?: linear.AddedProductOptions): Tensor {
    return derive([this, a, b], linear.addr(lower(this), lower(a), lower(b), options));
  }

  /** beta · x + alpha · (products of two batches of matrices). */
  baddbmm(a: Tensor, b: Tensor, options?: linear.AddedProductOptions): Tensor {
    return derive([this, a, b], linear.baddbmm(lower(this), lower(a), lower(b), options));
  }

  /** beta · x + alpha · Σ over the batch of products of matrices. */
  addbmm(a: Tensor, b: Tensor, options?: linear.AddedProductOptions): Tensor {
    return derive([this, a, b], linear.addbmm(lower(this), lower(a), lower(b), options));
  }

  /** Matrices with the last dim of x on a diagonal and zeros elsewhere. */
  diagEmbed(options?: diagonals.DiagonalOptions): Tensor {
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
