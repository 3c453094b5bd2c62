import { AthanorError, ConfigError } from "../base/errors.ts";
import { HostRandom } from "../base/host-random.ts";
import type { DeviceName } from "../engine/devices.ts";
import { defaultDevice, setDefaultDevice } from "../engine/devices.ts";
import { isFloat } from "../ir/dtype.ts";
import { grad } from "../tensor/grad.ts";
import { jit } from "../tensor/jit.ts";
import { scope } from "../tensor/memory.ts";
import { Tensor } from "../tensor/tensor.ts";
import { compareNumbers } from "./close.ts";

/** A function under test: of tensors only, so that it can run in f64 on another device. */
export type TensorFunction = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

/** Options of {@link gradcheck}. */
export interface GradcheckOptions {
  /** Step of the central differences, relative to values above 1. @defaultValue 1e-5 */
  readonly eps?: number;
  /** @defaultValue 1e-6 */
  readonly rtol?: number;
  /** @defaultValue 1e-7 */
  readonly atol?: number;
  /** Where everything is computed. @defaultValue "reference" */
  readonly device?: DeviceName;
}

/**
 * Compares the gradients of a function with central differences in f64. All float inputs are
 * converted to f64, moved to the reference device and checked; outputs are weighted by fixed random
 * factors and summed.
 * @throws {AthanorError} naming the input and the elements that disagree.
 * @example await gradcheck((x) => x.tanh().sum(), [randn([3])]);
 */
export async function gradcheck(
  fn: TensorFunction,
  inputs: readonly Tensor[],
  { eps = 1e-5, rtol = 1e-6, atol = 1e-7, device = "reference" }: GradcheckOptions = {},
): Promise<void> {
  const samples = await Promise.all(inputs.map((input) => sampleOf(input, device)));
  if (!samples.some(({ isChecked }) => isChecked)) {
    throw new ConfigError("gradcheck: at least one input must be a float, got none");
  }
  onDevice(device, () =>
    scope(() => {
      const [value, gradients] = compile(fn, samples);
      const analytic = gradients(...samples.map((sample) => sample.tensor));
      let next = 0;
      samples.forEach((sample, position) => {
        if (!sample.isChecked) return;
        const numeric = differences(value, samples, position, eps);
        const report = compareNumbers(analytic[next++].dataSync(), numeric, { rtol, atol });
        if (report.isClose) return;
        throw new AthanorError(
          "GRADCHECK",
          `gradcheck: gradients must agree with finite differences, got for input ${position}: ` +
            report.message,
          { details: { position, report } },
        );
      });
    }),
  );
}

/** {@link gradcheck} of the gradients: checks second derivatives. */
export async function gradgradcheck(
  fn: TensorFunction,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<void> {
  const first: TensorFunction = (...tensors) => {
    const floats = tensors.filter(({ dtype }) => isFloat(dtype));
    return grad(weightedSum(fn(...tensors)), floats, { allowUnused: true });
  };
  return gradcheck(first, inputs, options);
}

interface Sample {
  readonly tensor: Tensor;
  readonly values: Float64Array;
  readonly isChecked: boolean;
}

async function sampleOf(input: Tensor, device: DeviceName): Promise<Sample> {
  const values = Float64Array.from(await input.data());
  const isChecked = isFloat(input.dtype);
  const dtype = isChecked ? "f64" : input.dtype;
  return { tensor: Tensor.from(values, input.shape, { dtype, device }), values, isChecked };
}

/** Runs synchronous code with another default device, for tensors that `fn` makes itself. */
function onDevice<R>(device: DeviceName, run: () => R): R {
  const before = defaultDevice();
  setDefaultDevice(device);
  try {
    return run();
  } finally {
    setDefaultDevice(before);
  }
}

/** Sum of all float outputs by weights of either sign, none near 0, so that no error hides. */
function weightedSum(outputs: Tensor | readonly Tensor[]): Tensor {
  const list = outputs instanceof Tensor ? [outputs] : outputs;
  const random = new HostRandom(20, list.length);
  const parts = list
    .filter(({ dtype }) => isFloat(dtype))
    .map((output) => {
      const weights = Float64Array.from({ length: output.numel }, () => {
        const weight = 0.5 + random.uniform();
        return random.uniform() < 0.5 ? -weight : weight;
      });
      const { dtype, device, shape } = output;
      return output.mul(Tensor.from(weights, shape, { dtype, device })).sum();
    });
  if (parts.length === 0) throw new ConfigError("gradcheck: fn must return floats, got none");
  return parts.reduce((sum, part) => sum.add(part));
}

type Compiled = [
  value: (...inputs: Tensor[]) => Tensor,
  gradients: (...inputs: Tensor[]) => Tensor[],
];

function compile(fn: TensorFunction, samples: readonly Sample[]): Compiled {
  const value = jit((...inputs: Tensor[]) => weightedSum(fn(...inputs)));
  const gradients = jit((...inputs: Tensor[]) => {
    const checked = inputs.filter((_, i) => samples[i].isChecked);
    return grad(weightedSum(fn(...inputs)), checked, { allowUnused: true });
  });
  return [value, gradients];
}

/** Central differences by every element of one input. */
function differences(
  value: (...inputs: Tensor[]) => Tensor,
  samples: readonly Sample[],
  position: number,
  eps: number,
): number[] {
  const { values, tensor } = samples[position];
  const at = (index: number, shifted: number): number => {
    using moved = Tensor.from(values.with(index, shifted), tensor.shape, {
      dtype: "f64",
      device: tensor.device,
    });
    const inputs = samples.map((sample, i) => (i === position ? moved : sample.tensor));
    using result = value(...inputs);
    return result.itemSync();
  };
  return Array.from(values, (x, i) => {
    const h = eps * Math.max(1, Math.abs(x));
    return (at(i, x + h) - at(i, x - h)) / (2 * h);
  });
}
