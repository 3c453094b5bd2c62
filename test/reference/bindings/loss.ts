// Losses, distances and the activations that are no plain functions of one tensor.
import type { Tensor } from "athanor";
import * as nn from "athanor/nn";
import type { Argument } from "../fixture.ts";
import type { Binding, Operands } from "../bindings.ts";

const { functional } = nn;

function at(operands: Operands, place: number): Tensor {
  const operand = operands[place];
  if (operand == null) throw new Error(`fixture: operand ${place} is missing`);
  return operand;
}

/** A loss of an input, a target and the optional tensors named by `extra`. */
function loss(
  call: (input: Tensor, target: Tensor, options?: never) => Tensor,
  ...extra: readonly string[]
): Binding {
  return (operands, args) => {
    const tensors = Object.fromEntries(extra.map((name, i) => [name, operands[i + 2] ?? null]));
    return call(at(operands, 0), at(operands, 1), { ...tensors, ...args } as never);
  };
}

/** A function of three tensors. */
function ofThree(call: (a: Tensor, b: Tensor, c: Tensor, options?: never) => Tensor): Binding {
  return (operands, args) => call(at(operands, 0), at(operands, 1), at(operands, 2), args as never);
}

const ctc: Binding = (operands, args) => {
  const [logs, targets, inputs, lengths] = operands.map((_, i) => at(operands, i));
  return functional.ctcLoss(logs, targets, inputs, lengths, args);
};

const numbers = (value: Argument | undefined): number[] => (value as readonly number[]).map(Number);

const adaptiveLogSoftmaxWithLoss: Binding = (operands, args) => {
  const [x, target, head, bias, ...tails] = operands;
  const module = new nn.AdaptiveLogSoftmaxWithLoss(
    Number(args["inFeatures"]),
    Number(args["nClasses"]),
    numbers(args["cutoffs"]),
    { divValue: Number(args["divValue"]), headBias: bias !== null },
  );
  const weights: Record<string, Tensor | null> = { "head.weight": head };
  if (bias !== null) weights["head.bias"] = bias;
  tails.forEach((tail, i) => {
    weights[`tail.${Math.floor(i / 2)}.${i % 2}.weight`] = tail;
  });
  useWeights(module, weights);
  if (x === null || target === null) throw new Error("fixture: operand is missing");
  const { output, loss: total } = module.forward(x, target);
  return [output, total, module.logProb(x)];
};

/** Puts tensors in the places of a module's parameters, so that gradients reach them. */
export function useWeights(
  module: nn.Module,
  weights: Readonly<Record<string, Tensor | null>>,
): void {
  const keys = Object.keys(module.stateDict());
  const given = Object.keys(weights);
  if (keys.join() !== given.join()) {
    throw new Error(`fixture: keys are ${keys.join()}, but torch has ${given.join()}`);
  }
  for (const [path, part] of module.namedModules()) {
    for (const field of Object.keys(part)) {
      const member: unknown = Reflect.get(part, field);
      if (!(member instanceof nn.Parameter)) continue;
      const key = keys.find((name) => module.stateDict()[name] === member);
      const weight = key === undefined ? undefined : weights[key];
      if (weight == null) throw new Error(`fixture: no weight for ${path}.${field}`);
      Reflect.set(part, field, weight);
    }
  }
}

/** Ops of the area `loss`. */
export const losses: Readonly<Record<string, Binding>> = {
  poissonNllLoss: loss(functional.poissonNllLoss),
  gaussianNllLoss: ofThree(functional.gaussianNllLoss),
  mseLoss: loss(functional.mseLoss, "weight"),
  l1Loss: loss(functional.l1Loss, "weight"),
  huberLoss: loss(functional.huberLoss, "weight"),
  marginRankingLoss: ofThree(functional.marginRankingLoss),
  hingeEmbeddingLoss: loss(functional.hingeEmbeddingLoss),
  softMarginLoss: loss(functional.softMarginLoss),
  multilabelSoftMarginLoss: loss(functional.multilabelSoftMarginLoss, "weight"),
  multilabelMarginLoss: loss(functional.multilabelMarginLoss),
  multiMarginLoss: loss(functional.multiMarginLoss, "weight"),
  cosineEmbeddingLoss: ofThree(functional.cosineEmbeddingLoss),
  tripletMarginLoss: ofThree(functional.tripletMarginLoss),
  tripletMarginWithDistanceLoss: ofThree((anchor, positive, negative, options) =>
    functional.tripletMarginWithDistanceLoss(anchor, positive, negative, {
      ...(options as object | undefined),
      distanceFunction: (a, b) => a.sub(b).abs().sum({ dim: -1 }),
    }),
  ),
  cosineSimilarity: loss(functional.cosineSimilarity),
  pairwiseDistance: loss(functional.pairwiseDistance),
  cdist: loss(functional.cdist),
  pdist: (operands, args) => functional.pdist(at(operands, 0), args),
  ctcLoss: ctc,
  ctcLossOfLogits: ([x, ...rest], args) =>
    ctc([functional.logSoftmax(at([x], 0), -1), ...rest], args),
  softmax2d: (operands) => functional.softmax2d(at(operands, 0)),
  rrelu: (operands, args) => functional.rrelu(at(operands, 0), args),
  adaptiveLogSoftmaxWithLoss,
  linearCrossEntropy: (operands, args) =>
    functional.linearCrossEntropy(at(operands, 0), at(operands, 1), at(operands, 2), {
      ...args,
      linearBias: operands[3],
      weight: operands[4],
    }),
};
