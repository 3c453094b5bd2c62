import { GPT2 } from "../models/text/gpt2.ts";
import { AdamW } from "../optim/adam.ts";
import { clipGradNorm } from "../optim/clip.ts";
import { zeros } from "../tensor/factories.ts";
import { stack } from "../tensor/functions.ts";
import { grad } from "../tensor/grad.ts";
import { jit } from "../tensor/jit.ts";
import { persistent } from "../tensor/memory.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GptSettings } from "./gpt-settings.ts";

/** Model, optimizer and compiled steps of a run. */
export interface GptSteps extends Disposable {
  readonly model: GPT2;
  readonly optimizer: AdamW;
  /** Sets the rate of the next steps. */
  setRate(lr: number): void;
  /**
   * Trains on batches i32 [batch, context + 1], whose gradients are averaged.
   * @returns loss and norm of the gradient, f32 [2].
   */
  train(batches: readonly Tensor[]): Tensor;
  /** The loss of a batch, f32. */
  evaluate(batch: Tensor): Tensor;
}

/** Tables of this many rows, or a multiple, keep products on GPUs fast. */
const rowStep = 64;

/** Makes a model of new weights and what trains it. */
export function makeGptSteps(settings: GptSettings, vocabSize: number): GptSteps {
  const { layers, heads, width, context, dropout, precision } = settings;
  const model = new GPT2({
    vocabSize,
    nPositions: context,
    nEmbd: width,
    nLayer: layers,
    nHead: heads,
    dropout,
    paddedVocabSize: Math.ceil(vocabSize / rowStep) * rowStep,
  });
  if (precision === "bf16") model.bfloat16();
  const parameters = model.parameters();
  const optimizer = new AdamW(
    [
      { params: parameters.filter(({ ndim }) => ndim >= 2), weightDecay: settings.weightDecay },
      { params: parameters.filter(({ ndim }) => ndim < 2), weightDecay: 0 },
    ],
    { lr: settings.lr, betas: [0.9, 0.95], masterWeights: precision === "bf16" },
  );
  const lossOf = (batch: Tensor): Tensor =>
    model.loss(batch.narrow(1, 0, context), batch.narrow(1, 1, context));
  const finish = (loss: Tensor, gradients: readonly Tensor[]): Tensor => {
    const { grads, totalNorm } = clipGradNorm(gradients, settings.clip);
    optimizer.step(grads);
    return stack([loss, totalNorm.float()]);
  };
  const evaluate = jit(lossOf);
  const training = settings.accumulate === 1 ? plain() : accumulated();
  return {
    model,
    optimizer,
    setRate(lr) {
      for (const group of optimizer.paramGroups) group.lr = lr;
    },
    train(batches) {
      model.train();
      return training.step(batches);
    },
    evaluate(batch) {
      model.eval();
      return evaluate(batch);
    },
    [Symbol.dispose]() {
      training.dispose();
      evaluate.dispose();
      optimizer.dispose();
      model.dispose();
    },
  };

  function plain(): Training {
    const step = jit((batch: Tensor) => {
      const loss = lossOf(batch);
      return finish(loss, grad(loss, optimizer.parameters));
    });
    return { step: ([batch]) => step(batch), dispose: () => step.dispose() };
  }

  /** Gradients add up in f32 beside the parameters; the last batch makes the step. */
  function accumulated(): Training {
    const share = 1 / settings.accumulate;
    const { parameters: ordered } = optimizer;
    const sums = [...ordered.map(({ shape }) => shape), []].map((shape) =>
      persistent(() => zeros(shape, { dtype: "f32", device: ordered[0].device })),
    );
    const totals = (batch: Tensor): Tensor[] => {
      const loss = lossOf(batch);
      const parts = [...grad(loss, ordered), loss];
      return parts.map((part, i) => sums[i].add(part.float().mul(share)));
    };
    const add = jit((batch: Tensor) => {
      totals(batch).forEach((total, i) => sums[i].assign(total));
    });
    const end = jit((batch: Tensor) => {
      const all = totals(batch);
      const result = finish(all[all.length - 1], all.slice(0, -1));
      for (const sum of sums) sum.assign(0);
      return result;
    });
    return {
      step(batches) {
        for (const batch of batches.slice(0, -1)) add(batch);
        return end(batches[batches.length - 1]);
      },
      dispose() {
        add.dispose();
        end.dispose();
        for (const sum of sums) sum.dispose();
      },
    };
  }
}

interface Training {
  readonly step: (batches: readonly Tensor[]) => Tensor;
  readonly dispose: () => void;
}
