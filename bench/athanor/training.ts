import { Tensor, grad, jit, realizeSync } from "athanor";
import * as nn from "athanor/nn";
import * as optim from "athanor/optim";
import { classes, rms, uniform } from "../inputs.ts";
import {
  adamwSizes,
  checkedSteps,
  cnnSizes,
  gptSizes,
  learningRate,
  mlpSizes,
} from "../workload.ts";
import type { MakeWorkload } from "../workload.ts";
import { timeCompilation } from "./compile-time.ts";
import { Cnn, Gpt, mlp } from "./models.ts";

const { crossEntropy } = nn.functional;

/** A model with its inputs, and the function that makes its loss of them. */
export interface TrainingSetup {
  readonly parameters: readonly nn.Parameter[];
  readonly inputs: readonly Tensor[];
  readonly loss: (...inputs: Tensor[]) => Tensor;
  readonly optimizer: optim.Optimizer<optim.AdamGroupOptions>;
}

/** Weights as every contender draws them, by position; biases zero, norms as they are made. */
export function seedWeights(model: nn.Module, seed = 100): readonly nn.Parameter[] {
  model.namedParameters().forEach(([name, parameter], i) => {
    const { shape, numel } = parameter;
    if (name.endsWith("bias")) parameter.assign(0);
    if (shape.length < 2) return;
    const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
    parameter.assign(Tensor.from(uniform(numel, seed + i, 1 / Math.sqrt(fanIn)), shape));
  });
  return model.parameters();
}

/** 784-256-256-10, batch 128, Adam. */
export function mlpSetup(): TrainingSetup {
  const { batch, widths } = mlpSizes;
  const model = mlp();
  const parameters = seedWeights(model);
  const images = Tensor.from(uniform(batch * widths[0], 1), [batch, widths[0]]);
  const labels = Tensor.from(classes(batch, 2, widths[3]));
  return {
    parameters,
    inputs: [images, labels],
    loss: (x, y) => crossEntropy(model.forward(x), y),
    optimizer: new optim.Adam(parameters, { lr: learningRate }),
  };
}

/** Two convolutions 1-32-64 on 28×28, batch 64, Adam. */
export function cnnSetup(): TrainingSetup {
  const { batch, side, classes: total } = cnnSizes;
  const model = new Cnn();
  const parameters = seedWeights(model);
  const images = Tensor.from(uniform(batch * side * side, 1), [batch, 1, side, side]);
  const labels = Tensor.from(classes(batch, 2, total));
  return {
    parameters,
    inputs: [images, labels],
    loss: (x, y) => crossEntropy(model.forward(x), y),
    optimizer: new optim.Adam(parameters, { lr: learningRate }),
  };
}

/** Two layers of width 256 with four heads, 128 tokens of 4096 kinds, batch 8, AdamW. */
export function gptSetup(): TrainingSetup {
  const { batch, length, vocab } = gptSizes;
  const model = new Gpt();
  const parameters = seedWeights(model);
  const tokens = (seed: number): Tensor =>
    Tensor.from(classes(batch * length, seed, vocab), [batch, length]);
  return {
    parameters,
    inputs: [tokens(1), tokens(2)],
    loss: (x, y) => crossEntropy(model.forward(x).flatten({ endDim: 1 }), y.flatten()),
    optimizer: new optim.AdamW(parameters, { lr: learningRate }),
  };
}

/** A training step as a workload: one compiled program a step, its loss left on the device. */
export function training(setup: () => TrainingSetup): MakeWorkload {
  return async () => {
    const { inputs, loss, optimizer, parameters } = setup();
    // What the first call shall not be charged with: drawing weights and zeroing moments.
    const moments = Object.values(optimizer.stateDict().state).flatMap((state) =>
      Object.values(state),
    );
    realizeSync(...parameters, ...moments.filter((value) => value instanceof Tensor));
    const traced = timeCompilation((...given: Tensor[]) => {
      const value = loss(...given);
      optimizer.step(grad(value, optimizer.parameters));
      return value;
    });
    const step = jit(traced.fn);
    const run = (): Tensor => step(...inputs);
    const facts = traced.firstCall(run);
    return {
      run: () => run().dispose(),
      check: async () => {
        for (let i = 2; i < checkedSteps; i++) run().dispose();
        using last = run();
        return last.item();
      },
      facts: async () => facts,
    };
  };
}

/** An AdamW update of ten million parameters, without anything that makes their gradients. */
export const adamw: MakeWorkload = async () => {
  const { matrices, shape } = adamwSizes;
  const numbers = (seed: number, scale: number): Tensor =>
    Tensor.from(uniform(shape[0] * shape[1], seed, scale), shape);
  const parameters = Array.from({ length: matrices }, (_, i) => new nn.Parameter(numbers(i, 1)));
  const gradients = Array.from({ length: matrices }, (_, i) => numbers(50 + i, 0.1));
  const optimizer = new optim.AdamW(parameters, { lr: learningRate });
  realizeSync(...parameters, ...gradients);
  const step = jit((given: readonly Tensor[]) => optimizer.step(given));
  const run = (): void => step(gradients);
  run();
  return {
    run,
    check: async () => {
      for (let i = 1; i < checkedSteps; i++) run();
      return rms(await parameters[0].data());
    },
  };
};

/** The eight matrix products of an MLP step and nothing else: what the step is held against. */
export const mlpProducts: MakeWorkload = async () => {
  const { batch, widths } = mlpSizes;
  const random = (shape: readonly [number, number], seed: number): Tensor =>
    Tensor.from(uniform(shape[0] * shape[1], seed), shape);
  const layers = widths.slice(1).map((outputs, i) => ({
    x: random([batch, widths[i]], 10 + i),
    weight: random([outputs, widths[i]], 20 + i),
    cotangent: random([batch, outputs], 30 + i),
  }));
  const products = jit((given: typeof layers) =>
    given.flatMap(({ x, weight, cotangent }, i) => [
      x.matmul(weight.T),
      cotangent.T.matmul(x),
      ...(i > 0 ? [cotangent.matmul(weight)] : []),
    ]),
  );
  const run = (): void => products(layers).forEach((product) => product.dispose());
  run();
  return { run, check: () => 0 };
};
