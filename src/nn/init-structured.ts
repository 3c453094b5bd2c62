import { ConfigError, ShapeError } from "../base/errors.ts";
import { product } from "../base/integers.ts";
import { zerosLike } from "../tensor/factories.ts";
import type { Generator } from "../tensor/generator.ts";
import * as random from "../tensor/random.ts";
import { Tensor } from "../tensor/tensor.ts";
import { orthonormalColumns } from "./householder.ts";
import { isInitSkipped } from "./skip-init.ts";

/** Options of {@link orthogonal}. */
export interface OrthogonalOptions {
  /** Factor of the matrix. @defaultValue 1 */
  readonly gain?: number;
  /** @defaultValue the default generator of the tensor's device */
  readonly generator?: Generator | undefined;
}

/**
 * Fills a tensor, taken as a matrix [dim 0, other dims], with a random one whose rows or columns are
 * orthonormal, times `gain`.
 * @see Saxe et al. 2013, https://arxiv.org/abs/1312.6120
 * @throws {ShapeError} below two dims.
 */
export function orthogonal(
  tensor: Tensor,
  { gain = 1, generator }: OrthogonalOptions = {},
): Tensor {
  const { shape, dtype, device } = tensor;
  if (shape.length < 2) {
    throw new ShapeError(`init.orthogonal: needs at least two dims, got [${shape.join(", ")}]`);
  }
  if (tensor.numel === 0 || isInitSkipped()) return tensor;
  const rows = shape[0];
  const columns = product(shape.slice(1));
  const drawn = random.normal([rows, columns], {
    dtype: dtype === "f64" ? "f64" : "f32",
    device,
    generator,
  });
  const isWide = rows < columns;
  const basis = orthonormalColumns(isWide ? drawn.T : drawn);
  const matrix = (isWide ? basis.T : basis).mul(gain).to(dtype);
  return tensor.assign(matrix.reshape(shape));
}

/** Options of {@link sparse}. */
export interface SparseOptions {
  /** Deviation of what is not zero. @defaultValue 0.01 */
  readonly std?: number;
  /** @defaultValue the default generator of the tensor's device */
  readonly generator?: Generator | undefined;
}

/**
 * Fills a matrix with normal values and sets ⌈sparsity · rows⌉ random ones of each column to 0.
 * @throws {ShapeError} if it is no matrix; {ConfigError} if sparsity is not in [0, 1].
 */
export function sparse(
  tensor: Tensor,
  sparsity: number,
  { std = 0.01, generator }: SparseOptions = {},
): Tensor {
  const { shape, dtype, device } = tensor;
  if (shape.length !== 2) {
    throw new ShapeError(`init.sparse: needs a matrix, got [${shape.join(", ")}]`);
  }
  if (!(sparsity >= 0 && sparsity <= 1)) {
    throw new ConfigError(`init.sparse: sparsity must be in [0, 1], got ${sparsity}`);
  }
  if (isInitSkipped()) return tensor;
  const values = random.normal(shape, { std, dtype, device, generator });
  const order = random.uniform(shape, { device, generator }).argsort({ dim: 0 });
  const zeros = order.argsort({ dim: 0 }).lt(Math.ceil(sparsity * shape[0]));
  return tensor.assign(values.maskedFill(zeros, 0));
}

/**
 * Fills the weight [out, in, …kernel] of a convolution with the one that passes its channels on
 * (as many as there are), in every group.
 * @throws {ShapeError} unless there are three to five dims; {ConfigError} if groups do not divide out.
 */
export function dirac(tensor: Tensor, { groups = 1 }: { readonly groups?: number } = {}): Tensor {
  const { shape, dtype, device } = tensor;
  if (shape.length < 3 || shape.length > 5) {
    throw new ShapeError(`init.dirac: needs three to five dims, got [${shape.join(", ")}]`);
  }
  const [out, channels, ...kernel] = shape;
  const own = out / groups;
  if (!Number.isInteger(own)) {
    throw new ConfigError(`init.dirac: groups must divide the ${out} outputs, got ${groups}`);
  }
  const values = new Float64Array(tensor.numel);
  const taps = product(kernel);
  const centre = kernel.reduce((at, size) => at * size + Math.floor(size / 2), 0);
  for (let i = 0; i < out; i++) {
    if (i % own < channels && taps > 0) values[(i * channels + (i % own)) * taps + centre] = 1;
  }
  if (tensor.numel === 0) return tensor.assign(zerosLike(tensor));
  return tensor.assign(Tensor.from(values, shape, { dtype, device }));
}
