import { ConfigError, ShapeError } from "../base/errors.ts";
import { eye } from "../tensor/factories.ts";
import { cholesky, solveTriangular } from "../tensor/linalg.ts";
import * as random from "../tensor/random.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { Constraint } from "./constraint.ts";
import { lowerCholesky, realVector } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution, checkParameters } from "./distribution.ts";
import { broadcastShapes } from "./shapes.ts";

/** The spread of a multivariate normal distribution, [..., D, D]: exactly one of the three. */
export interface MultivariateNormalOptions extends DistributionOptions {
  readonly covarianceMatrix?: Tensor | undefined;
  /** The inverse of the covariance. */
  readonly precisionMatrix?: Tensor | undefined;
  /** L with L Lᵀ = covariance: lower triangular, positive diagonal. The cheapest. */
  readonly scaleTril?: Tensor | undefined;
}

function identityLike(matrix: Tensor): Tensor {
  const { dtype, device } = matrix;
  return eye(matrix.size(-1), { dtype, device }).expand(matrix.shape);
}

/** L of the covariance P⁻¹: the factor of P with both dims reversed is its transposed inverse. */
function scaleOfPrecision(precision: Tensor): Tensor {
  const factor = cholesky(precision.flip([-2, -1]));
  const inverse = factor.flip([-2, -1]).mT;
  return solveTriangular(inverse, identityLike(precision), { upper: false });
}

function scaleOf(options: MultivariateNormalOptions): Tensor {
  const { covarianceMatrix, precisionMatrix, scaleTril } = options;
  const given = [covarianceMatrix, precisionMatrix, scaleTril].filter((x) => x !== undefined);
  if (given.length !== 1) {
    throw new ConfigError(
      `MultivariateNormal: needs exactly one of covarianceMatrix, precisionMatrix and scaleTril, got ${given.length}`,
    );
  }
  const [matrix] = given;
  if (matrix.ndim < 2 || matrix.size(-1) !== matrix.size(-2)) {
    throw new ShapeError(
      `MultivariateNormal: the spread must be square matrices, got [${matrix.shape.join(", ")}]`,
    );
  }
  if (covarianceMatrix !== undefined) return cholesky(covarianceMatrix);
  return precisionMatrix === undefined ? matrix : scaleOfPrecision(precisionMatrix);
}

/** L⁻¹ B with leading dims broadcast; B is [..., D, K]. */
export function solveLower(factor: Tensor, right: Tensor): Tensor {
  const batch = broadcastShapes(
    "MultivariateNormal",
    factor.shape.slice(0, -2),
    right.shape.slice(0, -2),
  );
  return solveTriangular(
    factor.expand([...batch, ...factor.shape.slice(-2)]),
    right.expand([...batch, ...right.shape.slice(-2)]),
    { upper: false },
  );
}

/** ln det L: half the logarithm of the covariance's determinant. */
export function halfLogDet(factor: Tensor): Tensor {
  return factor.diagonal({ dim1: -2, dim2: -1 }).log().sum({ dim: -1 });
}

/**
 * Normal distribution over vectors.
 * Shapes: loc [..., D], spread [..., D, D] -> batch [...], event [D].
 */
export class MultivariateNormal extends Distribution {
  readonly loc: Tensor;
  /** Lower triangular L with L Lᵀ = covariance. */
  readonly scaleTril: Tensor;

  constructor(loc: Tensor, options: MultivariateNormalOptions) {
    if (loc.ndim < 1) {
      throw new ShapeError("MultivariateNormal: loc must have at least one dim, got []");
    }
    const factor = scaleOf(options);
    const size = loc.size(-1);
    const batch = broadcastShapes(
      "MultivariateNormal",
      loc.shape.slice(0, -1),
      factor.shape.slice(0, -2),
    );
    if (factor.size(-1) !== size) {
      throw new ShapeError(
        `MultivariateNormal: the spread must be [..., ${size}, ${size}], got [${factor.shape.join(", ")}]`,
      );
    }
    const checked = [
      { name: "loc", value: loc, constraint: realVector },
      { name: "scaleTril", value: factor, constraint: lowerCholesky },
    ];
    checkParameters("MultivariateNormal", checked, options);
    super(batch, [size], options);
    this.loc = loc.expand([...batch, size]);
    this.scaleTril = factor.expand([...batch, size, size]);
  }

  override get support(): Constraint {
    return realVector;
  }

  override get mean(): Tensor {
    return this.loc;
  }

  override get mode(): Tensor {
    return this.loc;
  }

  override get variance(): Tensor {
    return this.scaleTril.square().sum({ dim: -1 });
  }

  /** L Lᵀ. */
  get covarianceMatrix(): Tensor {
    return this.scaleTril.matmul(this.scaleTril.mT);
  }

  /** The inverse of the covariance. */
  get precisionMatrix(): Tensor {
    const inverse = solveLower(this.scaleTril, identityLike(this.scaleTril));
    return inverse.mT.matmul(inverse);
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): MultivariateNormal {
    const [size] = this.eventShape;
    return new MultivariateNormal(this.loc.expand([...batchShape, size]), {
      scaleTril: this.scaleTril.expand([...batchShape, size, size]),
      validateArgs: this.validateArgs,
    });
  }

  protected override draw(shape: Shape, { generator }: SampleOptions): Tensor {
    const { dtype, device } = this.loc;
    const noise = random.normal(this.extendedShape(shape), { dtype, device, generator });
    return this.loc.add(this.scaleTril.matmul(noise.unsqueeze(-1)).squeeze({ dim: -1 }));
  }

  override logProb(value: TensorLike): Tensor {
    const x = this.outcome("logProb", value, this.loc);
    const solved = solveLower(this.scaleTril, x.sub(this.loc).unsqueeze(-1));
    const distance = solved.square().sum({ dim: [-2, -1] });
    const size = this.eventShape[0];
    const norm = halfLogDet(this.scaleTril).add(0.5 * size * Math.log(2 * Math.PI));
    return distance.mul(-0.5).sub(norm);
  }

  override entropy(): Tensor {
    const size = this.eventShape[0];
    return halfLogDet(this.scaleTril).add(0.5 * size * (1 + Math.log(2 * Math.PI)));
  }
}
