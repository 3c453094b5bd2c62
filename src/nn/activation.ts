import { zeros } from "../tensor/factories.ts";
import type {
  EluOptions,
  GeluOptions,
  ShrinkOptions,
  SoftplusOptions,
} from "../tensor/ops/activation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import * as functional from "./functional/activation.ts";
import { constant } from "./init.ts";
import type { ModuleOptions } from "./linear.ts";
import { Module, formatOptions } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** max(x, 0). */
export class ReLU extends Module {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.relu(x);
  }
}

/** min(max(x, 0), 6). */
export class ReLU6 extends Module {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.relu6(x);
  }
}

/** 1 / (1 + e⁻ˣ). */
export class Sigmoid extends Module {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.sigmoid(x);
  }
}

/** ln sigmoid(x). */
export class LogSigmoid extends Module {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.logSigmoid(x);
  }
}

/** Hyperbolic tangent. */
export class Tanh extends Module {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.tanh(x);
  }
}

/** x · sigmoid(x), also called swish. */
export class SiLU extends Module {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.silu(x);
  }
}

/** x · tanh(softplus(x)). */
export class Mish extends Module {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.mish(x);
  }
}

/** Scaled elu with the constants of self-normalising networks. */
export class SELU extends Module {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.selu(x);
  }
}

/** x · hardsigmoid(x). */
export class Hardswish extends Module {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.hardswish(x);
  }
}

/** min(max(x + 3, 0), 6) / 6. */
export class Hardsigmoid extends Module {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.hardsigmoid(x);
  }
}

/** x / (1 + |x|). */
export class Softsign extends Module {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.softsign(x);
  }
}

/** x - tanh(x). */
export class Tanhshrink extends Module {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.tanhshrink(x);
  }
}

/** Gaussian error linear unit: x · Φ(x), exact or by its tanh approximation. */
export class GELU extends Module {
  protected readonly options: Required<GeluOptions>;

  constructor({ approximate = "none" }: GeluOptions = {}) {
    super();
    this.options = { approximate };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.gelu(x, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions(this.options);
  }
}

/** ln(1 + e^(β·x)) / β. */
export class Softplus extends Module {
  protected readonly options: Required<SoftplusOptions>;

  constructor({ beta = 1, threshold = 20 }: SoftplusOptions = {}) {
    super();
    this.options = { beta, threshold };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.softplus(x, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions(this.options);
  }
}

/** x above 0, α·(eˣ - 1) below. */
export class ELU extends Module {
  protected readonly options: Required<EluOptions>;

  constructor({ alpha = 1 }: EluOptions = {}) {
    super();
    this.options = { alpha };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.elu(x, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions(this.options);
  }
}

/** x above 0, α·(e^(x/α) - 1) below. */
export class CELU extends Module {
  protected readonly options: Required<EluOptions>;

  constructor({ alpha = 1 }: EluOptions = {}) {
    super();
    this.options = { alpha };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.celu(x, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions(this.options);
  }
}

/** x above 0, negativeSlope · x below. */
export class LeakyReLU extends Module {
  protected readonly options: Required<{ readonly negativeSlope?: number }>;

  constructor({ negativeSlope = 0.01 }: { readonly negativeSlope?: number } = {}) {
    super();
    this.options = { negativeSlope };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.leakyRelu(x, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions(this.options);
  }
}

/** x limited to [minVal, maxVal]. */
export class Hardtanh extends Module {
  protected readonly options: Required<{ readonly minVal?: number; readonly maxVal?: number }>;

  constructor({
    minVal = -1,
    maxVal = 1,
  }: { readonly minVal?: number; readonly maxVal?: number } = {}) {
    super();
    this.options = { minVal, maxVal };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.hardtanh(x, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions(this.options);
  }
}

/** x moved towards 0 by λ, 0 in [-λ, λ]. */
export class Softshrink extends Module {
  protected readonly options: Required<ShrinkOptions>;

  constructor({ lambd = 0.5 }: ShrinkOptions = {}) {
    super();
    this.options = { lambd };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.softshrink(x, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions(this.options);
  }
}

/** x with [-λ, λ] set to 0. */
export class Hardshrink extends Module {
  protected readonly options: Required<ShrinkOptions>;

  constructor({ lambd = 0.5 }: ShrinkOptions = {}) {
    super();
    this.options = { lambd };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.hardshrink(x, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions(this.options);
  }
}

/** a · sigmoid(b) for the halves a and b of x along `dim`. */
export class GLU extends Module {
  protected readonly options: Required<{ readonly dim?: number }>;

  constructor({ dim = -1 }: { readonly dim?: number } = {}) {
    super();
    this.options = { dim };
  }

  /** The gated half: `dim` shrinks to half its size. */
  forward(x: Tensor): Tensor {
    return functional.glu(x, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions(this.options);
  }
}

/** A dim as an option, for those who write it as in PyTorch. */
export interface DimOption {
  readonly dim: number;
}

/** eˣ / Σ eˣ along a dim. */
export class Softmax extends Module {
  readonly dim: number;

  constructor(dim: number | DimOption) {
    super();
    this.dim = typeof dim === "number" ? dim : dim.dim;
  }

  /** The function along the dim. */
  forward(x: Tensor): Tensor {
    return functional.softmax(x, this.dim);
  }

  protected override extraRepr(): string {
    return formatOptions({ dim: this.dim });
  }
}

/** e⁻ˣ / Σ e⁻ˣ along a dim. */
export class Softmin extends Module {
  readonly dim: number;

  constructor(dim: number | DimOption) {
    super();
    this.dim = typeof dim === "number" ? dim : dim.dim;
  }

  /** The function along the dim. */
  forward(x: Tensor): Tensor {
    return functional.softmin(x, this.dim);
  }

  protected override extraRepr(): string {
    return formatOptions({ dim: this.dim });
  }
}

/** ln softmax(x) along a dim. */
export class LogSoftmax extends Module {
  readonly dim: number;

  constructor(dim: number | DimOption) {
    super();
    this.dim = typeof dim === "number" ? dim : dim.dim;
  }

  /** The function along the dim. */
  forward(x: Tensor): Tensor {
    return functional.logSoftmax(x, this.dim);
  }

  protected override extraRepr(): string {
    return formatOptions({ dim: this.dim });
  }
}

/** Options of {@link PReLU}. */
export interface PReLUOptions extends ModuleOptions {
  /** Slopes: one, or one per channel. @defaultValue 1 */
  readonly numParameters?: number;
  /** First value of the slopes. @defaultValue 0.25 */
  readonly init?: number;
}

/** leakyRelu with learned slopes. */
export class PReLU extends Module {
  weight: Parameter;

  constructor({ numParameters = 1, init = 0.25, ...place }: PReLUOptions = {}) {
    super();
    this.weight = new Parameter(zeros([numParameters], place));
    constant(this.weight, init);
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.prelu(x, this.weight);
  }

  protected override extraRepr(): string {
    return formatOptions({ numParameters: this.weight.numel });
  }
}

/** Softmax over the channels of x [N, C, H, W] or [C, H, W]. */
export class Softmax2d extends Module {
  /** The function of every place. */
  forward(x: Tensor): Tensor {
    return functional.softmax2d(x);
  }
}

/** x where it exceeds a limit, otherwise `value`. */
export class Threshold extends Module {
  readonly threshold: number;
  readonly value: number;

  constructor(threshold: number, value: number) {
    super();
    this.threshold = threshold;
    this.value = value;
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.threshold(x, this.threshold, this.value);
  }

  protected override extraRepr(): string {
    const { threshold, value } = this;
    return formatOptions({ threshold, value });
  }
}

/** leakyRelu with slopes drawn from [lower, upper) in training, their mean in evaluation. */
export class RReLU extends Module {
  protected readonly options: Omit<functional.RReluOptions, "training">;

  constructor(options: Omit<functional.RReluOptions, "training"> = {}) {
    super();
    this.options = options;
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return functional.rrelu(x, { ...this.options, training: this.training });
  }

  protected override extraRepr(): string {
    const { lower = 1 / 8, upper = 1 / 3 } = this.options;
    return formatOptions({ lower, upper });
  }
}
