import { ConfigError } from "../base/errors.ts";
import { eye, zeros } from "../tensor/factories.ts";
import { cat } from "../tensor/functions.ts";
import { householderProduct, solve } from "../tensor/linalg.ts";
import * as random from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { orthonormalColumns, reflectors } from "./householder.ts";
import type { Module } from "./module.ts";
import { Buffer } from "./parameter.ts";
import { Parametrization, registerParametrization } from "./parametrize.ts";

/** How a matrix becomes an orthogonal one. */
export type OrthogonalMap = "matrixExp" | "cayley" | "householder";

/** Options of {@link orthogonal}. */
export interface OrthogonalParametrizationOptions {
  /** The parameter. @defaultValue "weight" */
  readonly name?: string;
  /** @defaultValue "matrixExp" for square weights, else "householder" */
  readonly orthogonalMap?: OrthogonalMap | null;
  /** Whether a fixed orthogonal matrix is multiplied to the learned one. @defaultValue true */
  readonly useTrivialization?: boolean;
}

/** The matrix n × k with ones on the diagonal. */
function identity(x: Tensor, rows: number, columns: number): Tensor {
  return eye(rows, { columns, dtype: x.dtype, device: x.device });
}

/**
 * e^A by squaring e^(A/32), a Taylor polynomial. Good for ‖A‖ up to about 60: far from where
 * learning starts, A = 0. `linalg.matrixExp` takes any A, but computes on one thread of the host.
 */
function matrixExp(a: Tensor): Tensor {
  const small = a.div(32);
  const one = identity(a, a.size(-1), a.size(-1));
  let sum = small.div(12).add(one);
  for (let order = 11; order >= 1; order--) sum = small.matmul(sum).div(order).add(one);
  for (let i = 0; i < 5; i++) sum = sum.matmul(sum);
  return sum;
}

/** (I − A/2)⁻¹ (I + A/2). */
function cayley(a: Tensor): Tensor {
  const half = a.div(2);
  const one = identity(a, a.size(-1), a.size(-1));
  return solve(one.sub(half), half.add(one));
}

/** The first k columns of the product of k reflections; their vectors are below the diagonal of x. */
function reflections(x: Tensor): Tensor {
  const below = x.tril({ diagonal: -1 });
  const tau = below.square().sum({ dim: -2 }).add(1).reciprocal().mul(2);
  const q = householderProduct(below, tau);
  // The diagonal of x holds signs, which are not learned.
  const signs = x.diagonal({ dim1: -2, dim2: -1 }).int().to(x.dtype).unsqueeze(-2);
  return q.mul(signs);
}

/** An orthogonal matrix [..., n, k] (or its transpose) of a matrix of the same shape. */
class Orthogonal extends Parametrization {
  readonly map: OrthogonalMap;
  base: Buffer | null = null;

  constructor(weight: Tensor, map: OrthogonalMap, useTrivialization: boolean) {
    super();
    this.map = map;
    if (!useTrivialization) return;
    const tall = weight.size(-2) < weight.size(-1) ? weight.mT : weight;
    const [n, k] = tall.shape.slice(-2);
    const { dtype, device } = weight;
    const rest = [...tall.shape.slice(0, -2), n, n - k];
    const full = n === k ? tall : cat([tall, random.normal(rest, { dtype, device })], { dim: -1 });
    this.base = new Buffer(orthonormalColumns(full.detach()));
  }

  override forward(x: Tensor): Tensor {
    const isWide = x.size(-2) < x.size(-1);
    const tall = isWide ? x.mT : x;
    const learned = this.map === "householder" ? reflections(tall) : this.#retraction(tall);
    const q = this.base === null ? learned : this.base.matmul(learned);
    return isWide ? q.mT : q;
  }

  override rightInverse(weight: Tensor): Tensor {
    const { shape, dtype, device } = weight;
    const [n, k] = shape.slice(-2);
    if (this.base !== null) return eye(n, { columns: k, dtype, device }).neg().expand(shape);
    if (this.map !== "householder") return weight;
    return n < k ? reflectors(weight.mT).mT : reflectors(weight);
  }

  /** An orthogonal matrix of the skew-symmetric one whose lower triangle is learned. */
  #retraction(tall: Tensor): Tensor {
    const [n, k] = tall.shape.slice(-2);
    const { dtype, device } = tall;
    const lower = tall.tril();
    const rest = [...tall.shape.slice(0, -2), n, n - k];
    const square = n === k ? lower : cat([lower, zeros(rest, { dtype, device })], { dim: -1 });
    const skew = square.sub(square.mT);
    const q = this.map === "matrixExp" ? matrixExp(skew) : cayley(skew);
    return n === k ? q : q.narrow(-1, 0, k);
  }
}

/**
 * Keeps a weight [..., n, k] orthogonal while it is learned: its columns are orthonormal, or its rows
 * if there are more columns. Keys: `original`, and `0.base` with `useTrivialization`.
 * @see Lezcano-Casado 2019, https://arxiv.org/abs/1909.09501
 */
export function orthogonal<M extends Module>(
  module: M,
  options: OrthogonalParametrizationOptions = {},
): M {
  const { name = "weight", useTrivialization = true } = options;
  const weight = Reflect.get(module, name) as Tensor;
  if (weight.ndim < 2) {
    throw new ConfigError(
      `orthogonal: the weight must have at least two dims, got [${weight.shape.join(", ")}]`,
    );
  }
  const isSquare = weight.size(-2) === weight.size(-1);
  const map = options.orthogonalMap ?? (isSquare ? "matrixExp" : "householder");
  const step = new Orthogonal(weight, map, useTrivialization);
  return registerParametrization(module, name, step);
}
