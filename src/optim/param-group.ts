import { ConfigError, DTypeError, DeviceError, UsageError } from "../base/errors.ts";
import { full, zeros } from "../tensor/factories.ts";
import { guard } from "../tensor/jit.ts";
import { persistent } from "../tensor/memory.ts";
import { Tensor } from "../tensor/tensor.ts";
import { requireInRange } from "./checks.ts";

/** Dtype updates are computed in: f64 for f64, f32 for everything narrower. */
export type ComputeDType = "f32" | "f64";

/** Dtype the update of a parameter is computed in. */
export function computeDTypeOf(parameter: Tensor): ComputeDType {
  return parameter.dtype === "f64" ? "f64" : "f32";
}

/**
 * Dtype of learning rates, step counts and what follows from them: as PyTorch computes them on the
 * host. A device without f64 needs f32 here.
 */
export const scalarDType = "f64";

/** Parameters that share their hyper-parameters. */
export type GroupInit<H> = { readonly params: Iterable<Tensor>; readonly lr?: number } & Partial<H>;

/**
 * Parameters of an optimizer that share their hyper-parameters. The learning rate lives on the
 * device, so that setting it changes what a jitted step does without tracing it again; the other
 * options are constants of a traced step.
 */
export class ParamGroup<H extends object = object> {
  readonly params: readonly Tensor[];
  /** The learning rate as a scalar on the device. @internal */
  readonly rate: Tensor;
  /** Updates each parameter has received, one entry per parameter. @internal */
  readonly steps: Tensor;
  #lr: number;
  #initialLr: number;
  #options: Readonly<H>;
  #momentum: Tensor | undefined;
  readonly #held: Tensor[] = [];
  #momentumValue: number | undefined;

  /** @throws {ConfigError | DTypeError | DeviceError} if the parameters or the rate do not fit. */
  constructor(owner: string, params: readonly Tensor[], lr: number, options: H) {
    requireParameters(owner, params);
    this.params = params;
    this.#options = options;
    this.#lr = requireInRange(owner, "lr", lr, { min: 0, below: Infinity });
    this.#initialLr = lr;
    const { device } = params[0];
    const kind = { dtype: scalarDType, device } as const;
    this.rate = persistent(() => full([], lr, kind));
    this.steps = persistent(() => zeros([params.length], kind));
  }

  /** Hyper-parameters other than the learning rate; with others a jitted step is traced anew. */
  get options(): Readonly<H> {
    return guard(() => this.#options);
  }

  set options(value: Readonly<H>) {
    this.#options = value;
  }

  /** The learning rate the group was made with: what schedules scale. */
  get initialLr(): number {
    return guard(() => this.#initialLr);
  }

  set initialLr(value: number) {
    this.#initialLr = value;
  }

  /** The learning rate in force. Setting it does not make a jitted step trace again. */
  get lr(): number {
    return this.#lr;
  }

  /** @throws {ConfigError} if it is negative or no number; {UsageError} while jit traces. */
  set lr(value: number) {
    requireInRange("optimizer", "lr", value, { min: 0, below: Infinity });
    if (value === this.#lr) return;
    setScalar("lr", this.rate, value);
    this.#lr = value;
  }

  /**
   * The momentum in force, or the decay rate of the first moment; undefined for optimizers without.
   * Set by a schedule, it lives on the device beside the learning rate and outlasts `options`.
   */
  get momentum(): number | undefined {
    return this.#momentumValue ?? momentumIn(this.#options);
  }

  /** @throws {ConfigError} if it is not in [0, 1), or the optimizer keeps no momentum. */
  set momentum(value: number) {
    requireInRange("optimizer", "momentum", value, { min: 0, below: 1 });
    if (!(Number(momentumIn(this.#options)) > 0)) {
      throw new ConfigError(
        "optimizer: momentum can be scheduled only where there is some, got none; make the " +
          "optimizer with momentum or betas, or pass cycleMomentum: false",
      );
    }
    const { device } = this.rate;
    const scalar = (this.#momentum ??= persistent(() =>
      full([], value, { dtype: scalarDType, device }),
    ));
    setScalar("momentum", scalar, value);
    this.#momentumValue = value;
  }

  /** {@link momentum} as update rules use it: a constant, or a scalar once scheduled. @internal */
  get momentumScalar(): number | Tensor {
    return guard(() => this.#momentum) ?? momentumIn(this.options) ?? 0;
  }

  /**
   * The scalars of a step in buffers of their own, in the dtype of the updates: f64 inside the loops
   * over f32 elements would halve the lanes of these. @internal
   */
  hold(scalars: readonly Tensor[]): readonly Tensor[] {
    const isWide = this.params.some((parameter) => parameter.dtype === "f64");
    return scalars.map((scalar, i) => {
      const { shape, device } = scalar;
      const dtype = scalar.dtype === "bool" || isWide ? scalar.dtype : "f32";
      const held = (this.#held[i] ??= persistent(() => zeros(shape, { dtype, device })));
      return held.assign(scalar.to(dtype));
    });
  }

  /** Puts the momentum of restored options in force. @internal */
  restoreMomentum(): void {
    const value = momentumIn(this.#options);
    if (this.#momentum !== undefined && value !== undefined) this.momentum = value;
  }

  /** Frees the tensors of the group. @internal */
  dispose(): void {
    for (const scalar of [this.rate, this.steps, this.#momentum, ...this.#held]) scalar?.dispose();
  }
}

function setScalar(name: string, scalar: Tensor, value: number): void {
  const { dtype, device } = scalar;
  // Data, not a constant of a graph: that would be another program for every value.
  const next = Tensor.from(Float64Array.of(value), [], { dtype, device });
  if (next.cell.trace !== undefined) {
    throw new UsageError(
      `optimizer: ${name} cannot be set inside a jitted function, where it would be set only while ` +
        "tracing; step the schedule outside",
    );
  }
  scalar.assign(next);
  next.dispose();
}

/** `momentum`, or the first of `betas`. */
function momentumIn(options: object): number | undefined {
  const { momentum, betas } = options as { momentum?: unknown; betas?: unknown };
  const value: unknown = Array.isArray(betas) ? betas[0] : momentum;
  return typeof value === "number" ? value : undefined;
}

function requireParameters(owner: string, params: readonly Tensor[]): void {
  if (params.length === 0) {
    throw new ConfigError(`${owner}: a parameter group must not be empty, got no parameters`);
  }
  params.forEach((parameter, i) => {
    if (!(parameter instanceof Tensor)) {
      throw new ConfigError(
        `${owner}: parameters must be tensors, got ${typeof parameter} at position ${i}; ` +
          "pass model.parameters() or groups { params, lr }",
      );
    }
    if (!["f64", "f32", "f16", "bf16"].includes(parameter.dtype)) {
      throw new DTypeError(
        `${owner}: parameters must be floats, got ${parameter.dtype} at position ${i}`,
      );
    }
    if (parameter.device !== params[0].device) {
      throw new DeviceError(
        `${owner}: parameters of a group must be on one device, got ${params[0].device} and ` +
          `${parameter.device}; make one group per device`,
      );
    }
  });
}
