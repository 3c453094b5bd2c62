import type { CausalLM } from "../../../models/text/causal-lm.ts";
import { Adam } from "../../../optim/adam.ts";
import { clipGradNorm } from "../../../optim/clip.ts";
import { warmupCosine } from "../../../optim/schedules.ts";
import { onesLike } from "../../../tensor/factories.ts";
import { grad } from "../../../tensor/grad.ts";
import { jit } from "../../../tensor/jit.ts";
import { Tensor } from "../../../tensor/tensor.ts";
import type { PreferenceLossOptions } from "../losses/preference-loss.ts";
import { preferenceLoss } from "../losses/preference-loss.ts";
import type { StringTask } from "./string-task.ts";

/** Options of {@link fitPreferences}. */
export interface FitPreferencesOptions {
  readonly task: StringTask;
  /** The model to train. */
  readonly model: CausalLM;
  /** log π_ref of all strings, [n]. */
  readonly referenceLogProbs: Tensor;
  /**
   * How often string i was preferred to j, or the probability of it, at [i · n + j]: the whole data set
   * as a table. Only proportions count.
   */
  readonly wins: ArrayLike<number>;
  readonly loss: PreferenceLossOptions;
  /** @defaultValue 1200 */
  readonly steps?: number;
  /** @defaultValue 3e-3 */
  readonly learningRate?: number;
  /** Called with the number of steps done, before the first and every `every` steps. */
  readonly onStep?: (step: number) => Promise<void>;
  /** @defaultValue 50 */
  readonly every?: number;
}

/**
 * Trains a policy by a preference loss over *all* ordered pairs in each step, weighted by how often
 * the first one of each won: the loss of a data set without the noise of batches. Lengths count as 1
 * in losses that divide by them, so that `ipo` is the paper's. Returns the last loss.
 */
export async function fitPreferences(options: FitPreferencesOptions): Promise<number> {
  const { task, model, referenceLogProbs, loss: settings, onStep } = options;
  const { steps = 1200, learningRate = 3e-3, every = 50 } = options;
  const weights = pairWeights(options.wins);
  const optimizer = new Adam(model.parameters(), { lr: learningRate });
  const schedule = warmupCosine(optimizer, { warmupSteps: 20, totalSteps: steps });
  const [referenceChosen, referenceRejected] = allPairs(referenceLogProbs);
  const lengths = onesLike(referenceChosen);
  const step = jit(() => {
    const [chosen, rejected] = allPairs(task.policy(model).strings);
    const pairs = { chosen, rejected, referenceChosen, referenceRejected, weights };
    const given = { ...pairs, chosenLengths: lengths, rejectedLengths: lengths };
    const { loss } = preferenceLoss(given, settings);
    const { grads } = clipGradNorm(grad(loss, optimizer.parameters), 10);
    optimizer.step(grads);
    return loss;
  });
  let last = Number.NaN;
  for (let t = 0; t < steps; t++) {
    if (t % every === 0) await onStep?.(t);
    using loss = step();
    schedule.step();
    if (t === steps - 1) last = await loss.item();
  }
  await onStep?.(steps);
  step.dispose();
  optimizer.dispose();
  return last;
}

/** The first and the second of all ordered pairs: [n] -> two of [n²]. */
function allPairs(x: Tensor): [Tensor, Tensor] {
  const n = x.numel;
  const square = (values: Tensor): Tensor => values.expand([n, n]).reshape([n * n]);
  return [square(x.unsqueeze(1)), square(x.unsqueeze(0))];
}

/** Weights of mean 1, so that the mean over pairs is the mean over comparisons; no string meets itself. */
function pairWeights(wins: ArrayLike<number>): Tensor {
  const n = Math.round(Math.sqrt(wins.length));
  const counts = Float64Array.from(wins, (count, k) => (k % (n + 1) === 0 ? 0 : count));
  const total = counts.reduce((sum, count) => sum + count, 0);
  return Tensor.from(Float32Array.from(counts, (count) => (count * counts.length) / total));
}
