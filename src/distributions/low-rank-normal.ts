import { ShapeError } from "../base/errors.ts";
import { eye } from "../tensor/factories.ts";
import { cholesky } from "../tensor/linalg.ts";
import * as random from "../tensor/random.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { Constraint } from "./constraint.ts";
import { independent, positive, realVector } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution, checkParameters } from "./distribution.ts";
import { halfLogDet, solveLower } from "./multivariate-normal.ts";
import { broadcastShapes } from "./shapes.ts";

/**
 * Normal distribution over vectors with the covariance W Wᵀ + diag(D), for few columns of W: its
 * density takes a factorisation of size R instead of D.
 * Shapes: loc [..., D], covFactor [..., D, R], covDiag [..., D] -> batch [...], event [D].
 */
export class LowRankMultivariateNormal extends Distribution {
  readonly loc: Tensor;
  readonly covFactor: Tensor;
  readonly covDiag: Tensor;

  constructor(loc: Tensor, covFactor: Tensor, covDiag: Tensor, options: DistributionOptions = {}) {
    const name = "LowRankMultivariateNormal";
    const size = loc.ndim > 0 ? loc.size(-1) : 0;
    const fits = covFactor.ndim > 1 && covFactor.size(-2) === size;
    if (loc.ndim < 1 || !fits || covDiag.ndim < 1 || covDiag.size(-1) !== size) {
      throw new ShapeError(
        `${name}: needs loc [..., D], covFactor [..., D, R] and covDiag [..., D], got ` +
          [loc, covFactor, covDiag].map((x) => `[${x.shape.join(", ")}]`).join(", "),
      );
    }
    const checked = [
      { name: "loc", value: loc, constraint: realVector },
      { name: "covDiag", value: covDiag, constraint: independent(positive, 1) },
    ];
    checkParameters(name, checked, options);
    const lead = (x: Tensor, count: number): Shape => x.shape.slice(0, x.ndim - count);
    const vectors = broadcastShapes(name, lead(loc, 1), lead(covDiag, 1));
    const batch = broadcastShapes(name, vectors, lead(covFactor, 2));
    super(batch, [size], options);
    this.loc = loc.expand([...batch, size]);
    this.covFactor = covFactor.expand([...batch, size, covFactor.size(-1)]);
    this.covDiag = covDiag.expand([...batch, size]);
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
    return this.covFactor.square().sum({ dim: -1 }).add(this.covDiag);
  }

  /** W Wᵀ + diag(D). */
  get covarianceMatrix(): Tensor {
    return this.covFactor.matmul(this.covFactor.mT).add(this.covDiag.diagEmbed());
  }

  /** L with L Lᵀ = covariance. */
  get scaleTril(): Tensor {
    return cholesky(this.covarianceMatrix);
  }

  /** The inverse of the covariance. */
  get precisionMatrix(): Tensor {
    const weighted = this.#weighted();
    const inner = solveLower(this.#capacitance(), weighted);
    return this.covDiag.reciprocal().diagEmbed().sub(inner.mT.matmul(inner));
  }

  /** Wᵀ D⁻¹. */
  #weighted(): Tensor {
    return this.covFactor.mT.div(this.covDiag.unsqueeze(-2));
  }

  /** The factor of I + Wᵀ D⁻¹ W. */
  #capacitance(): Tensor {
    const { dtype, device } = this.loc;
    const identity = eye(this.covFactor.size(-1), { dtype, device });
    return cholesky(this.#weighted().matmul(this.covFactor).add(identity));
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): LowRankMultivariateNormal {
    const [size, rank] = this.covFactor.shape.slice(-2);
    return new LowRankMultivariateNormal(
      this.loc.expand([...batchShape, size]),
      this.covFactor.expand([...batchShape, size, rank]),
      this.covDiag.expand([...batchShape, size]),
      this,
    );
  }

  protected override draw(shape: Shape, { generator }: SampleOptions): Tensor {
    const { dtype, device } = this.loc;
    const options = { dtype, device, generator };
    const lead = [...shape, ...this.batchShape];
    const along = random.normal([...lead, this.covFactor.size(-1), 1], options);
    const own = random.normal(this.extendedShape(shape), options).mul(this.covDiag.sqrt());
    return this.loc.add(this.covFactor.matmul(along).squeeze({ dim: -1 })).add(own);
  }

  /** ½ ln det of the covariance. */
  #halfLogDet(): Tensor {
    return halfLogDet(this.#capacitance()).add(this.covDiag.log().sum({ dim: -1 }).mul(0.5));
  }

  override logProb(value: TensorLike): Tensor {
    const x = this.outcome("logProb", value, this.loc);
    const apart = x.sub(this.loc);
    const inner = solveLower(this.#capacitance(), this.#weighted().matmul(apart.unsqueeze(-1)));
    const distance = apart
      .square()
      .div(this.covDiag)
      .sum({ dim: -1 })
      .sub(inner.square().sum({ dim: [-2, -1] }));
    const norm = this.#halfLogDet().add(0.5 * this.eventShape[0] * Math.log(2 * Math.PI));
    return distance.mul(-0.5).sub(norm);
  }

  override entropy(): Tensor {
    const size = this.eventShape[0];
    return this.#halfLogDet().add(0.5 * size * (1 + Math.log(2 * Math.PI)));
  }
}
