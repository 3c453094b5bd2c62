import { ShapeError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireChoice, requireInRange, requireNonNegative } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";
import { addScaled, approach, addExactly, scalarTo } from "./rounding.ts";

/** Hyper-parameters of {@link Muon} other than the learning rate. */
export interface MuonGroupOptions extends CommonOptions {
  /** Decoupled decay: lr · λ · θ. @defaultValue 0.1 */
  readonly weightDecay: number;
  /** @defaultValue 0.95 */
  readonly momentum: number;
  /** @defaultValue true */
  readonly nesterov: boolean;
  /** Coefficients of x, x³ and x⁵. @defaultValue [3.4445, -4.775, 2.0315] */
  readonly nsCoefficients: readonly [number, number, number];
  /** Least norm the momentum is divided by. @defaultValue 1e-7 */
  readonly eps: number;
  /** Newton-Schulz iterations, below 100. @defaultValue 5 */
  readonly nsSteps: number;
  /**
   * How the step grows with an A×B matrix: `original` √max(1, A/B), `match_rms_adamw` 0.2 √max(A, B),
   * Moonlight's, with which AdamW's lr and weight decay can be kept. @defaultValue "original"
   */
  readonly adjustLrFn: "original" | "match_rms_adamw";
  /** What the iteration rounds to; arithmetic is in f32. @defaultValue "bf16", as PyTorch */
  readonly nsDtype: "bf16" | "f32";
}

/** Options of {@link Muon}. */
export interface MuonOptions extends Partial<MuonGroupOptions> {
  /** @defaultValue 1e-3 */
  readonly lr?: number;
}

/**
 * Momentum made orthogonal: each step is about $UV^T$ of the momentum's $UΣV^T$, by iterations of
 * $X ← aX + (bXX^T + c(XX^T)²)X$. For the matrices of hidden layers; give vectors, embeddings and
 * heads to AdamW. It keeps one state tensor where AdamW keeps two.
 * @see Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; Liu et al. 2025, "Muon is
 * Scalable for LLM Training", https://arxiv.org/abs/2502.16982
 */
export class Muon extends Optimizer<MuonGroupOptions> {
  /** @throws {ConfigError | ShapeError} if an option is out of range, or a parameter is no matrix. */
  constructor(parameters: Parameters<MuonGroupOptions>, options: MuonOptions = {}) {
    const { lr = 1e-3, weightDecay = 0.1, momentum = 0.95, nesterov = true } = options;
    const { nsCoefficients = [3.4445, -4.775, 2.0315], eps = 1e-7, nsSteps = 5 } = options;
    const { adjustLrFn = "original", nsDtype = "bf16" } = options;
    const iteration = { nsCoefficients, eps, nsSteps, nsDtype };
    const own = { weightDecay, momentum, nesterov, ...iteration, adjustLrFn };
    super("Muon", parameters, lr, { ...own, ...commonOptions(options) });
  }

  protected override stateNames(): readonly string[] {
    return ["momentum_buffer"];
  }

  protected override checkParameter({ shape }: Tensor): void {
    if (shape.length === 2) return;
    throw new ShapeError(
      `Muon: parameters must be matrices, got shape [${shape.join(", ")}]; give others to AdamW`,
    );
  }

  protected override checkOptions(options: MuonGroupOptions): void {
    const { weightDecay, momentum, nsSteps, eps, nsDtype } = options;
    requireNonNegative("Muon", { weightDecay, momentum, eps });
    requireInRange("Muon", "nsSteps", nsSteps, { min: 0, below: 100, isInteger: true });
    // PyTorch writes None for its default.
    const adjust = options.adjustLrFn as MuonGroupOptions["adjustLrFn"] | null;
    requireChoice("Muon", "adjustLrFn", adjust, [null, "original", "match_rms_adamw"]);
    requireChoice("Muon", "nsDtype", nsDtype, ["bf16", "f32"]);
  }

  protected override prepare({ rate, options }: ParamGroup<MuonGroupOptions>): readonly Tensor[] {
    return [rate, rate.mul(-options.weightDecay).add(1)];
  }

  protected override update(
    { value: old, gradient, state, group, dtype }: Update<MuonGroupOptions>,
    [rate, rest]: readonly Tensor[],
  ): Tensor {
    const { weightDecay, nesterov, adjustLrFn } = group.options;
    const momentum = scalarTo(group.momentumScalar, dtype);
    const weight = typeof momentum === "number" ? 1 - momentum : momentum.neg().add(1);
    const moment = approach(state.momentum_buffer, gradient, weight);
    // Near 1, PyTorch interpolates from the far end.
    const ahead = addScaled(moment, gradient.sub(moment), weight);
    const direction = orthogonalize(nesterov ? ahead : moment, group.options).to(dtype);
    const [a, b] = old.shape;
    const isMatched = adjustLrFn === "match_rms_adamw";
    const growth = isMatched ? 0.2 * Math.sqrt(Math.max(a, b)) : Math.sqrt(Math.max(1, a / b));
    const value = weightDecay === 0 ? old : old.mul(rest.to(dtype));
    return addExactly(value, direction, rate.mul(-growth).to(dtype));
  }
}

/** Newton-Schulz iterations towards the nearest orthogonal matrix, up to singular values near 1. */
function orthogonalize(x: Tensor, options: MuonGroupOptions): Tensor {
  const { nsCoefficients, nsSteps, nsDtype, eps } = options;
  const [a, b, c] = nsCoefficients;
  const { dtype } = x;
  const round = (y: Tensor): Tensor => (nsDtype === "bf16" ? y.to("bf16").to(dtype) : y);
  const isTall = x.shape[0] > x.shape[1];
  let y = round(isTall ? x.mT : x);
  y = round(y.div(round(y.square().sum().sqrt()).maximum(eps)));
  for (let i = 0; i < nsSteps; i++) {
    const gram = round(y.matmul(y.mT));
    const polynomial = round(gram.matmul(gram).mul(c).add(gram.mul(b)));
    y = round(polynomial.matmul(y).add(y.mul(a)));
  }
  return isTall ? y.mT : y;
}
