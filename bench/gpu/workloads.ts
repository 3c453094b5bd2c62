import { Tensor, autocast, grad, jit, rand, realizeSync } from "athanor";
import { GPT2, ResNet } from "athanor/models";
import * as nn from "athanor/nn";
import * as optim from "athanor/optim";
import { ddpg } from "../athanor/ddpg.ts";
import { cnnSetup, gptSetup, mlpSetup, training } from "../athanor/training.ts";
import { classes, uniform } from "../inputs.ts";
import { checkedSteps, learningRate } from "../workload.ts";
import type { MakeWorkload, Workload } from "../workload.ts";
import { gpt2Shapes, gpuSizes } from "./sizes.ts";

const { crossEntropy, interpolate, layerNorm } = nn.functional;
const elements = (shape: readonly number[]): number => shape.reduce((all, size) => all * size, 1);

/** Numbers every contender draws alike; for inputs of which the check reads little. */
function input(shape: readonly number[], seed: number, scale = 1): Tensor {
  const tensor = Tensor.from(uniform(elements(shape), seed, scale), [...shape]);
  realizeSync(tensor);
  return tensor;
}

/** Root of the mean square, computed on the device: large results stay there. */
function rmsOf(x: Tensor): number {
  using square = x.square().mean();
  return Math.sqrt(square.itemSync());
}

/** A compiled function of tensors that stay on the device; each result is freed unread. */
function compiled(fn: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): Workload {
  const step = jit(fn);
  return {
    run: () => step(...inputs).dispose(),
    check: () => {
      using result = step(...inputs);
      return rmsOf(result);
    },
  };
}

/** Bytes from one buffer to another: what the device can move. */
const copy: MakeWorkload = async () => {
  const from = rand([gpuSizes.copy]);
  realizeSync(from);
  const step = jit((x: Tensor) => x.add(0));
  return { run: () => step(from).dispose(), check: () => 0 };
};

const chain: MakeWorkload = async () =>
  compiled((x) => x.mul(1.5).add(0.3).relu().square(), [input([gpuSizes.elementwise], 1)]);

const softmax: MakeWorkload = async () =>
  compiled((x) => x.softmax(-1), [input(gpuSizes.rows, 1, 4)]);

const normInputs = (): Tensor[] => {
  const width = gpuSizes.rows[1];
  return [input(gpuSizes.rows, 1, 4), input([width], 2), input([width], 3)];
};

const norm: MakeWorkload = async () =>
  compiled((x, weight, bias) => layerNorm(x, gpuSizes.rows[1], { weight, bias }), normInputs());

/** Forward and backward: y, and the gradients of x, weight and bias for a given cotangent. */
const normGradient: MakeWorkload = async () => {
  const inputs = [...normInputs(), input(gpuSizes.rows, 4)];
  const step = jit((x: Tensor, weight: Tensor, bias: Tensor, cotangent: Tensor) => {
    const y = layerNorm(x, gpuSizes.rows[1], { weight, bias });
    return [y, ...grad(y.mul(cotangent).sum(), [x, weight, bias])];
  });
  const run = (): Tensor[] => step(inputs[0], inputs[1], inputs[2], inputs[3]);
  return {
    run: () => run().forEach((result) => result.dispose()),
    check: () => {
      const results = run();
      const values = results.map(rmsOf);
      results.forEach((result) => result.dispose());
      return values.reduce((a, b) => a + b);
    },
  };
};

const upsample: MakeWorkload = async () =>
  compiled(
    (x) => interpolate(x, { scaleFactor: 2, mode: "bilinear" }),
    [input(gpuSizes.upsample, 1)],
  );

/** AdamW over tensors of GPT-2's shapes, gradients given. */
const adamw: MakeWorkload = async () => {
  const shapes = gpt2Shapes(gpuSizes.gpt2);
  const parameters = shapes.map((shape) => new nn.Parameter(rand(shape)));
  const gradients = shapes.map((shape) => rand(shape));
  // One that every contender draws alike, for the check.
  parameters[1].assign(input(shapes[1], 1));
  gradients[1] = input(shapes[1], 2, 0.1);
  const optimizer = new optim.AdamW(parameters, { lr: learningRate });
  realizeSync(...parameters, ...gradients);
  const step = jit((given: readonly Tensor[]) => optimizer.step(given));
  return {
    run: () => step(gradients),
    check: () => {
      for (let i = 0; i < checkedSteps; i++) step(gradients);
      return rmsOf(parameters[1]);
    },
  };
};

function product(size: number, dtype: "f32" | "bf16"): MakeWorkload {
  return async () => {
    const operands = [1, 2].map((seed) => input([size, size], seed).to(dtype));
    realizeSync(...operands);
    const step = jit((a: Tensor, b: Tensor) => a.matmul(b));
    return {
      run: () => step(operands[0], operands[1]).dispose(),
      check: () => {
        using result = step(operands[0], operands[1]);
        using wide = result.to("f32");
        return rmsOf(wide);
      },
    };
  };
}

/** Many small launches one after the other: what a replayed step costs the host. */
const replay: MakeWorkload = async () => {
  const [layers, width] = gpuSizes.replay;
  const weights = Array.from({ length: layers }, (_, i) => input([width, width], i + 1));
  return compiled(
    (x, ...given) => given.reduce((y, weight) => layerNorm(y.matmul(weight), width), x),
    [input([width, width], 500), ...weights],
  );
};

/** How a model is trained in low precision. */
type Recipe = "autocast" | "master weights";

interface Trained {
  readonly model: nn.Module;
  readonly optimizer: (
    parameters: readonly nn.Parameter[],
    masterWeights: boolean,
  ) => optim.Optimizer;
  readonly inputs: (dtype: "f32" | "bf16") => readonly [Tensor, Tensor];
  readonly loss: (x: Tensor, y: Tensor) => Tensor;
}

/** A step in bf16: parameters in f32 under autocast, or in bf16 with f32 copies. */
function lowPrecision(make: () => Trained, recipe: Recipe): MakeWorkload {
  return async () => {
    const { model, optimizer: makeOptimizer, inputs: makeInputs, loss } = make();
    const isCast = recipe === "autocast";
    if (!isCast) model.to("bf16");
    const optimizer = makeOptimizer(model.parameters(), !isCast);
    const inputs = makeInputs(isCast ? "f32" : "bf16");
    realizeSync(...model.parameters(), ...inputs);
    const step = jit((x: Tensor, y: Tensor) => {
      const value = isCast ? autocast({ dtype: "bf16" }, () => loss(x, y)) : loss(x, y);
      optimizer.step(grad(value, optimizer.parameters));
      return value;
    });
    return {
      run: () => step(...inputs).dispose(),
      check: () => {
        // The weights are each contender's own: only the first loss is much the same.
        using first = step(...inputs);
        for (let i = 1; i < checkedSteps; i++) step(...inputs).dispose();
        return first.itemSync();
      },
    };
  };
}

function gpt2(batch: number, recipe: Recipe): MakeWorkload {
  const { vocab, length, width, heads, layers } = gpuSizes.gpt2;
  const sizes = {
    vocabSize: vocab,
    nPositions: length,
    nEmbd: width,
    nHead: heads,
    nLayer: layers,
  };
  const tokens = (seed: number): Tensor =>
    Tensor.from(classes(batch * length, seed, vocab), [batch, length]);
  return lowPrecision(() => {
    const model = new GPT2(sizes);
    return {
      model,
      optimizer: (parameters, masterWeights) =>
        new optim.AdamW(parameters, { lr: 1e-4, weightDecay: 0.1, masterWeights }),
      inputs: () => [tokens(1), tokens(2)],
      loss: (x, y) => model.loss(x, y),
    };
  }, recipe);
}

function resnet(batch: number, recipe: Recipe): MakeWorkload {
  const { blocks, side, classes: total } = gpuSizes.resnet;
  return lowPrecision(() => {
    const model = new ResNet("bottleneck", blocks, { numClasses: total });
    return {
      model,
      optimizer: (parameters, masterWeights) =>
        new optim.SGD(parameters, { lr: 0.01, momentum: 0.9, weightDecay: 1e-4, masterWeights }),
      inputs: (dtype) => [
        rand([batch, 3, side, side]).to(dtype),
        Tensor.from(classes(batch, 2, total)),
      ],
      loss: (x, y) => crossEntropy(model.forward(x).to("f32"), y),
    };
  }, recipe);
}

const recipes: readonly Recipe[] = ["autocast", "master weights"];

function models(): Record<string, MakeWorkload> {
  const { gpt2Batches, resnetBatches } = gpuSizes;
  return Object.fromEntries([
    ...gpt2Batches.flatMap((batch, i) =>
      recipes.map((recipe) => [`gpt2 ${["B16", "B32", "B64"][i]}/${recipe}`, gpt2(batch, recipe)]),
    ),
    ...resnetBatches.flatMap((batch, i) =>
      recipes.map((recipe) => [`resnet50 ${["64", "256"][i]}/${recipe}`, resnet(batch, recipe)]),
    ),
  ]) as Record<string, MakeWorkload>;
}

/** What a row does, by `row/variant`. */
export const workloads: Readonly<Record<string, MakeWorkload>> = {
  "copy/jit": copy,
  "elementwise/jit": chain,
  "softmax/jit": softmax,
  "layer norm/jit": norm,
  "layer norm backward/jit": normGradient,
  "upsample x2/jit": upsample,
  "adamw/jit": adamw,
  "matmul 4096 bf16/jit": product(gpuSizes.matmul[0], "bf16"),
  "matmul 8192 bf16/jit": product(gpuSizes.matmul[1], "bf16"),
  "matmul 4096 f32/jit": product(gpuSizes.matmul[0], "f32"),
  "replay/jit": replay,
  "mlp step/jit": training(mlpSetup),
  "cnn step/jit": training(cnnSetup),
  "ddpg update/jit": ddpg,
  "gpt step/jit": training(gptSetup),
  ...models(),
};
