// Modules as a user makes them, and functions that no other area has.
import { Tensor } from "athanor";
import * as functional from "../../../src/nn/functional.ts";
import * as nn from "../../../src/nn/index.ts";
import type { Binding, Operands, Results } from "../bindings.ts";
import type { Argument, Arguments } from "../fixture.ts";

type Loose = (...args: readonly unknown[]) => Tensor;

/** `functional.name(x, <args[key]>, rest)`. */
function sized(call: unknown, key: string): Binding {
  return ([x], { [key]: size, ...rest }) => (call as Loose)(x, size, rest);
}

/** Our names of torch's string values. */
const spelled = (value: Argument): Argument => (value === "matrix_exp" ? "matrixExp" : value);

const modules: Readonly<Record<string, unknown>> = { ...nn };

function parametrize(module: nn.Module, value: Argument | undefined): void {
  if (value === undefined) return;
  const [name, given] = value as [string, Arguments];
  const options = Object.fromEntries(
    Object.entries(given).map(([key, item]) => [key, spelled(item)]),
  );
  const apply = nn.parametrizations[name as "weightNorm"];
  apply(module, options);
}

interface Slot {
  readonly key: string;
  readonly member: unknown;
  readonly replace: (member: unknown) => void;
}

/** Puts a tensor in the place of the parameter or buffer of a key. */
function setMember(module: nn.Module, key: string, value: Tensor): void {
  const members = Reflect.get(module, "members") as () => Iterable<Slot>;
  for (const slot of members.call(module)) {
    if (slot.key === key) slot.replace(value);
    else if (key.startsWith(`${slot.key}.`)) {
      setMember(slot.member as nn.Module, key.slice(slot.key.length + 1), value);
    }
  }
}

const asList = (results: Results): readonly Tensor[] =>
  results instanceof Tensor
    ? [results]
    : "indices" in results
      ? [results.values, results.indices]
      : results;

/** A module made with `construct` and `options`, holding the operands after the inputs as state. */
function layer(name: string): Binding {
  return (operands: Operands, args: Arguments) => {
    const make = modules[name] as new (...args: readonly unknown[]) => nn.Linear;
    const construct = args["construct"] as readonly unknown[];
    const module = new make(...construct, args["options"]);
    parametrize(module, args["parametrization"]);
    module.train(args["training"] !== false);
    const keys = args["keys"] as readonly string[];
    const own = Object.keys(module.stateDict());
    if (own.join() !== keys.join()) throw new Error(`${name}: keys are ${own.join()}`);
    const inputs = operands.slice(0, operands.length - keys.length);
    const buffers: Tensor[] = [];
    for (const [i, key] of keys.entries()) {
      const value = operands[inputs.length + i];
      if (value == null) continue;
      const isBuffer = (args["buffers"] as readonly string[]).includes(key);
      // The operands of the case stay as they are; copies are updated.
      const held = isBuffer ? value.mul(1) : value;
      if (isBuffer) buffers.push(held);
      setMember(module, key, held);
    }
    const forward = Reflect.get(module, "forward") as (...args: readonly unknown[]) => Results;
    const call = args["call"] === undefined ? [] : [args["call"]];
    return [...asList(forward.call(module, ...inputs, ...call)), ...buffers];
  };
}

/** Numbered classes, such as Conv1d to Conv3d. */
const numbered = (dims: readonly number[], ...names: readonly string[]): string[] =>
  names.flatMap((name) => dims.map((n) => `${name}${n}d`));

const classes = [
  "Identity",
  "Flatten",
  "Unflatten",
  "PixelShuffle",
  "PixelUnshuffle",
  "ChannelShuffle",
  "LocalResponseNorm",
  "LayerNorm",
  "RMSNorm",
  "GroupNorm",
  "Bilinear",
  "Embedding",
  "EmbeddingBag",
  "Linear",
  "Upsample",
  "UpsamplingNearest2d",
  "UpsamplingBilinear2d",
  "Fold",
  "Unfold",
  ...numbered([1, 2, 3], "MaxPool", "AvgPool", "LPPool", "AdaptiveAvgPool", "AdaptiveMaxPool"),
  ...numbered([1, 2, 3], "ConstantPad", "ZeroPad", "ReflectionPad", "ReplicationPad"),
  ...numbered([1, 2, 3], "CircularPad", "MaxUnpool", "BatchNorm", "InstanceNorm"),
  ...numbered([1, 2, 3], "Conv", "ConvTranspose"),
];

/** Ops of the area `layer` that no other area has. */
export const layerBindings: Readonly<Record<string, Binding>> = {
  ...Object.fromEntries(classes.map((name) => [name, layer(name)])),
  localResponseNorm: sized(functional.localResponseNorm, "size"),
  pixelShuffle: sized(functional.pixelShuffle, "upscaleFactor"),
  pixelUnshuffle: sized(functional.pixelUnshuffle, "downscaleFactor"),
  channelShuffle: sized(functional.channelShuffle, "groups"),
  bilinear: (operands) => (functional.bilinear as Loose)(...operands),
  embeddingAgain: ([index, weight], args) => {
    // The renormalisation updates the table; gradients are with respect to its new values.
    return (functional.embedding as Loose)(index, weight, args);
  },
  embeddingBag: ([index, weight, offsets, perSampleWeights], args) =>
    (functional.embeddingBag as Loose)(index, weight, { ...args, offsets, perSampleWeights }),
  instanceNormRunning: ([x, oldMean, oldVar, weight, bias], args) => {
    const [runningMean, runningVar] = [oldMean, oldVar].map((line) => line?.mul(1) ?? null);
    const options = { ...args, weight, bias, runningMean, runningVar };
    const y = (functional.instanceNorm as Loose)(x, options);
    return [y, runningMean, runningVar].filter((item) => item !== null);
  },
};
