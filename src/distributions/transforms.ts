import { tensor } from "../tensor/factories.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import { constantLike, sumRightmost } from "./shapes.ts";

/**
 * An invertible map of tensors with the logarithm of the size of its Jacobian determinant. Own maps
 * extend it: `call`, `inverseOf` and `logAbsDetJacobian` are all they need.
 */
export abstract class Transform {
  /** Last dims that count as one value. */
  readonly eventDim: number = 0;
  /** 1 where the map rises, −1 where it falls, undefined where neither. */
  readonly sign: TensorLike | undefined = 1;
  readonly #sources = new WeakMap<Tensor, Tensor>();

  /** y of x. */
  protected abstract call(x: Tensor): Tensor;

  /** x of y. */
  protected abstract inverseOf(y: Tensor): Tensor;

  /** ln |dy / dx|, without the event dims. */
  abstract logAbsDetJacobian(x: Tensor, y: Tensor): Tensor;

  /** y of x. The pair is remembered as long as y lives, for an exact `inverse`. */
  forward(x: Tensor): Tensor {
    const y = this.call(x);
    this.#sources.set(y, x);
    return y;
  }

  /** x of y: the very x if y came from `forward`. */
  inverse(y: Tensor): Tensor {
    const source = this.#sources.get(y);
    return source === undefined || source.isDisposed ? this.inverseOf(y) : source;
  }
}

/** loc + scale · x. */
export class AffineTransform extends Transform {
  readonly loc: TensorLike;
  readonly scale: TensorLike;
  override readonly eventDim: number;
  override readonly sign: TensorLike | undefined;

  constructor(
    loc: TensorLike,
    scale: TensorLike,
    { eventDim = 0 }: { readonly eventDim?: number } = {},
  ) {
    super();
    this.loc = loc;
    this.scale = scale;
    this.eventDim = eventDim;
    this.sign = typeof scale === "number" ? Math.sign(scale) : scale.sign();
  }

  protected override call(x: Tensor): Tensor {
    return x.mul(this.scale).add(this.loc);
  }

  protected override inverseOf(y: Tensor): Tensor {
    return y.sub(this.loc).div(this.scale);
  }

  override logAbsDetJacobian(x: Tensor): Tensor {
    const { scale } = this;
    const slope =
      typeof scale === "number" ? constantLike(x, Math.log(Math.abs(scale))) : scale.abs().log();
    return sumRightmost(slope.add(constantLike(x, 0)), this.eventDim);
  }
}

/** eˣ. */
export class ExpTransform extends Transform {
  protected override call(x: Tensor): Tensor {
    return x.exp();
  }

  protected override inverseOf(y: Tensor): Tensor {
    return y.log();
  }

  override logAbsDetJacobian(x: Tensor): Tensor {
    return x;
  }
}

/** 1 / (1 + e⁻ˣ). */
export class SigmoidTransform extends Transform {
  protected override call(x: Tensor): Tensor {
    return x.sigmoid();
  }

  protected override inverseOf(y: Tensor): Tensor {
    const tiny = y.dtype === "f64" ? 2 ** -1022 : 2 ** -126;
    const eps = y.dtype === "f64" ? 2 ** -52 : 2 ** -23;
    return y.clamp({ min: tiny, max: 1 - eps }).logit();
  }

  override logAbsDetJacobian(x: Tensor): Tensor {
    return x.neg().logaddexp(0).add(x.logaddexp(0)).neg();
  }
}

/**
 * tanh x. The Jacobian is computed from x, which keeps its digits where tanh x rounds to ±1: the
 * squashed policies of soft actor-critic need that.
 */
export class TanhTransform extends Transform {
  protected override call(x: Tensor): Tensor {
    return x.tanh();
  }

  protected override inverseOf(y: Tensor): Tensor {
    return y.atanh();
  }

  override logAbsDetJacobian(x: Tensor): Tensor {
    // 2 (ln 2 − x − ln(1 + e^(−2x))) = ln(1 − tanh² x)
    return x.neg().add(Math.LN2).sub(x.mul(-2).logaddexp(0)).mul(2);
  }
}

/** x to a power, for x > 0. */
export class PowerTransform extends Transform {
  readonly exponent: TensorLike;
  override readonly sign: TensorLike;

  constructor(exponent: TensorLike) {
    super();
    this.exponent = exponent;
    this.sign = typeof exponent === "number" ? Math.sign(exponent) : exponent.sign();
  }

  protected override call(x: Tensor): Tensor {
    return x.pow(this.exponent);
  }

  protected override inverseOf(y: Tensor): Tensor {
    const { exponent } = this;
    return y.pow(typeof exponent === "number" ? 1 / exponent : exponent.reciprocal());
  }

  override logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    return y.mul(this.exponent).div(x).abs().log();
  }
}

/** ln(1 + eˣ). */
export class SoftplusTransform extends Transform {
  protected override call(x: Tensor): Tensor {
    return x.logaddexp(0);
  }

  protected override inverseOf(y: Tensor): Tensor {
    return y.neg().expm1().neg().log().add(y);
  }

  override logAbsDetJacobian(x: Tensor): Tensor {
    return x.neg().logaddexp(0).neg();
  }
}

/** Several maps one after the other. */
export class ComposeTransform extends Transform {
  readonly parts: readonly Transform[];
  override readonly eventDim: number;
  override readonly sign: TensorLike | undefined;

  constructor(parts: readonly Transform[]) {
    super();
    this.parts = parts;
    this.eventDim = Math.max(0, ...parts.map((part) => part.eventDim));
    this.sign = parts.reduce<TensorLike | undefined>((sign, part) => {
      if (sign === undefined || part.sign === undefined) return undefined;
      if (typeof sign === "number" && typeof part.sign === "number") return sign * part.sign;
      return (typeof sign === "number" ? tensor(sign) : sign).mul(part.sign);
    }, 1);
  }

  protected override call(x: Tensor): Tensor {
    return this.parts.reduce((value, part) => part.forward(value), x);
  }

  protected override inverseOf(y: Tensor): Tensor {
    return this.parts.reduceRight((value, part) => part.inverse(value), y);
  }

  override logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    const values = [x];
    for (const part of this.parts.slice(0, -1))
      values.push(part.forward(values[values.length - 1]));
    values.push(y);
    const terms = this.parts.map((part, i) => {
      const slope = part.logAbsDetJacobian(values[i], values[i + 1]);
      return sumRightmost(slope, this.eventDim - part.eventDim);
    });
    return terms.reduce((a, b) => a.add(b), constantLike(terms[0] ?? x, 0));
  }
}
