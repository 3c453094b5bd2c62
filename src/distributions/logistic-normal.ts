import { arange, onesLike } from "../tensor/factories.ts";
import { cat } from "../tensor/functions.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import { ShapeError } from "../base/errors.ts";
import type { Constraint } from "./constraint.ts";
import { simplex } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution } from "./distribution.ts";
import { Normal } from "./normal.ts";
import { Transform } from "./transforms.ts";

/** K numbers to K + 1 that are positive and sum to 1: each breaks its share off what is left. */
export class StickBreakingTransform extends Transform {
  override readonly eventDim: number = 1;
  override readonly sign: undefined = undefined;

  /** ln of the number of parts that follow each of K. */
  #logOffsets(x: Tensor, count: number): Tensor {
    return arange(count, 0, { step: -1, dtype: x.dtype, device: x.device }).log();
  }

  protected override call(x: Tensor): Tensor {
    const share = x.sub(this.#logOffsets(x, x.size(-1))).sigmoid();
    const left = share.neg().add(1).cumprod(-1);
    const one = onesLike(left.narrow(-1, 0, 1));
    return cat([share, one], { dim: -1 }).mul(cat([one, left], { dim: -1 }));
  }

  protected override inverseOf(y: Tensor): Tensor {
    const tiny = y.dtype === "f64" ? 2 ** -1022 : 2 ** -126;
    const parts = y.narrow(-1, 0, y.size(-1) - 1);
    const left = parts.cumsum(-1).neg().add(1).clampMin(tiny);
    return parts
      .log()
      .sub(left.log())
      .add(this.#logOffsets(y, y.size(-1) - 1));
  }

  override logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    const inner = x.sub(this.#logOffsets(x, x.size(-1)));
    // ln (1 − σ(inner)) + ln y
    const slopes = inner
      .logaddexp(0)
      .neg()
      .add(y.narrow(-1, 0, x.size(-1)).log());
    return slopes.sum({ dim: -1 });
  }
}

/** Shares [..., K + 1] that are the stick-breaking map of K normal variables. */
export class LogisticNormal extends Distribution {
  readonly base: Normal;
  readonly #transform: StickBreakingTransform = new StickBreakingTransform();

  constructor(loc: TensorLike, scale: TensorLike, options: DistributionOptions = {}) {
    const base = new Normal(loc, scale, options);
    const { batchShape } = base;
    if (batchShape.length === 0) {
      throw new ShapeError("LogisticNormal: loc or scale must have at least one dim, got []");
    }
    super(batchShape.slice(0, -1), [batchShape[batchShape.length - 1] + 1], options);
    this.base = base;
  }

  get loc(): Tensor {
    return this.base.loc;
  }

  get scale(): Tensor {
    return this.base.scale;
  }

  override get support(): Constraint {
    return simplex;
  }

  override get mean(): Tensor {
    return this.unsupported("mean");
  }

  override get variance(): Tensor {
    return this.unsupported("variance");
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): LogisticNormal {
    const size = this.eventShape[0] - 1;
    const { loc, scale } = this.base.expand([...batchShape, size]);
    return new LogisticNormal(loc, scale, this);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    return this.#transform.forward(this.base.rsample(shape, options));
  }

  override logProb(value: TensorLike): Tensor {
    const y = this.outcome("logProb", value, this.base.loc);
    const x = this.#transform.inverse(y);
    const density = this.base.logProb(x).sum({ dim: -1 });
    return density.sub(this.#transform.logAbsDetJacobian(x, y));
  }
}
