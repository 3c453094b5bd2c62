import { ConfigError } from "../base/errors.ts";
import { range } from "../base/integers.ts";
import * as random from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from "./convolution.ts";
import { normalize } from "./functional/normalization.ts";
import type { Module } from "./module.ts";
import { Buffer } from "./parameter.ts";
import { Parametrization, registerParametrization } from "./parametrize.ts";

/** Options of {@link spectralNorm}. */
export interface SpectralNormOptions {
  /** The parameter. @defaultValue "weight" */
  readonly name?: string;
  /** Steps of the power iteration per forward pass in training. @defaultValue 1 */
  readonly nPowerIterations?: number;
  /** Smallest divisor of the normalised vectors. @defaultValue 1e-12 */
  readonly eps?: number;
  /** Dim of the outputs. @defaultValue 1 for transposed convolutions, else 0 */
  readonly dim?: number | null;
}

/** w / σ(w), where σ is the largest singular value as the vectors u and v know it. */
class SpectralNorm extends Parametrization {
  readonly dim: number;
  readonly steps: number;
  readonly eps: number;
  u: Buffer | null = null;
  v: Buffer | null = null;

  constructor(weight: Tensor, dim: number, steps: number, eps: number) {
    super();
    this.dim = dim;
    this.steps = steps;
    this.eps = eps;
    if (weight.ndim < 2) return;
    const matrix = this.#matrix(weight.detach());
    const { dtype, device } = weight;
    const [u, v] = matrix.shape.map((size) =>
      normalize(random.normal([size], { dtype, device }), { dim: 0, eps }),
    );
    this.u = new Buffer(u);
    this.v = new Buffer(v);
    // A good start, as torch's.
    this.#iterate(matrix, this.u, this.v, 15);
  }

  override forward(weight: Tensor): Tensor {
    const { u, v, eps } = this;
    if (u === null || v === null) return normalize(weight, { dim: 0, eps });
    const matrix = this.#matrix(weight);
    if (this.training) this.#iterate(matrix.detach(), u, v, this.steps);
    const sigma = u.clone().dot(matrix.mv(v.clone()));
    return weight.div(sigma);
  }

  protected override stateKey(field: string): string {
    return field === "u" || field === "v" ? `_${field}` : field;
  }

  #matrix(weight: Tensor): Tensor {
    const { dim } = this;
    const others = range(weight.ndim).filter((i) => i !== dim);
    return weight.permute([dim, ...others]).reshape([weight.size(dim), -1]);
  }

  #iterate(matrix: Tensor, u: Buffer, v: Buffer, steps: number): void {
    const { eps } = this;
    for (let i = 0; i < steps; i++) {
      u.assign(normalize(matrix.mv(v), { dim: 0, eps }));
      v.assign(normalize(matrix.T.mv(u), { dim: 0, eps }));
    }
  }
}

const isTransposed = (module: Module): boolean =>
  [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d].some((type) => module instanceof type);

/**
 * Divides a weight by its largest singular value, which a power iteration follows in training.
 * Keys: `original` is the weight, `0._u` and `0._v` the singular vectors.
 * @see Miyato et al. 2018, https://arxiv.org/abs/1802.05957
 */
export function spectralNorm<M extends Module>(module: M, options: SpectralNormOptions = {}): M {
  const { name = "weight", nPowerIterations = 1, eps = 1e-12 } = options;
  const dim = options.dim ?? (isTransposed(module) ? 1 : 0);
  if (!Number.isInteger(nPowerIterations) || nPowerIterations < 1) {
    throw new ConfigError(
      `spectralNorm: nPowerIterations must be an integer ≥ 1, got ${nPowerIterations}`,
    );
  }
  const weight = Reflect.get(module, name) as Tensor;
  const place = dim < 0 ? dim + weight.ndim : dim;
  return registerParametrization(
    module,
    name,
    new SpectralNorm(weight, place, nPowerIterations, eps),
  );
}
