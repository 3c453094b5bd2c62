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

  /** @throws {ConfigError | DTypeError | DeviceError} if the parameters or the rate do not fit. */
  constructor(owner: string, params: readonly Tensor[], lr: number, options: H) {
    requireParameters(owner, params);
    this.params = params;
    this.#options = options;
    this.#lr = requireInRange(owner, "lr", lr, { min: 0 });
    this.#initialLr = lr;
    const { device } = params[0];
    const dtype = params.some((parameter) => parameter.dtype === "f64") ? "f64" : "f32";
    this.rate = persistent(() => full([], lr, { dtype, device }));
    this.steps = persistent(() => zeros([params.length], { dtype, device }));
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
    requireInRange("optimizer", "lr", value, { min: 0 });
    if (value === this.#lr) return;
    const scalar = full([], value, { dtype: this.rate.dtype, device: this.rate.device });
    if (scalar.cell.trace !== undefined) {
      throw new UsageError(
        "optimizer: lr cannot be set inside a jitted function, where it would be set only while " +
          "tracing; step the schedule outside",
      );
    }
    this.rate.assign(scalar);
    scalar.dispose();
    this.#lr = value;
  }
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
