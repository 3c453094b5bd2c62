import type { CausalLM } from "../../../models/text/causal-lm.ts";
import { Linear } from "../../../nn/linear.ts";
import { Adam } from "../../../optim/adam.ts";
import { clipGradNorm } from "../../../optim/clip.ts";
import { warmupCosine } from "../../../optim/schedules.ts";
import { Generator } from "../../../tensor/generator.ts";
import { grad } from "../../../tensor/grad.ts";
import { jit } from "../../../tensor/jit.ts";
import { scope } from "../../../tensor/memory.ts";
import { randint } from "../../../tensor/random.ts";
import { Tensor } from "../../../tensor/tensor.ts";
import { rewardLoss } from "../losses/reward-loss.ts";
import type { Comparisons } from "./comparisons.ts";
import type { StringTask } from "./string-task.ts";

/** Options of {@link fitRewardModel}. */
export interface FitRewardModelOptions {
  readonly task: StringTask;
  /** The body to train; a new layer without bias reads the reward at the last letter. */
  readonly model: CausalLM;
  readonly comparisons: Comparisons;
  /** @defaultValue 400 */
  readonly steps?: number;
  /** Comparisons in a step. @defaultValue 512 */
  readonly batchSize?: number;
  /** @defaultValue 3e-3 */
  readonly learningRate?: number;
  /** TRL's centering, which keeps the mean reward near 0. @defaultValue 0.01 */
  readonly centerRewardsCoefficient?: number;
  /** Of the batches. @defaultValue 0 */
  readonly seed?: number;
}

/** Trains a reward model on labelled pairs and returns its rewards of all strings. */
export async function fitRewardModel(options: FitRewardModelOptions): Promise<Float64Array> {
  const { task, model, comparisons, steps = 400, batchSize = 512, learningRate = 3e-3 } = options;
  const { centerRewardsCoefficient = 0.01, seed = 0 } = options;
  const score = scope(() => new Linear(model.config.hiddenSize, 1, { bias: false }));
  const rewards = (): Tensor => score.forward(task.lastHidden(model)).flatten();
  // The classifier of tokens is not in use.
  const parameters = [...model.parameters(), ...score.parameters()];
  const optimizer = new Adam(parameters, { lr: learningRate });
  const schedule = warmupCosine(optimizer, { warmupSteps: 20, totalSteps: steps });
  const chosen = Tensor.from(comparisons.chosen);
  const rejected = Tensor.from(comparisons.rejected);
  const generator = new Generator(seed);
  const step = jit(() => {
    const all = rewards();
    const rows = randint(0, chosen.numel, [batchSize], { generator });
    const of = (side: Tensor): Tensor => all.indexSelect(0, side.indexSelect(0, rows));
    const loss = rewardLoss(of(chosen), of(rejected), { centerRewardsCoefficient });
    const { grads } = clipGradNorm(grad(loss, parameters, { allowUnused: true }), 1);
    optimizer.step(grads);
  });
  for (let t = 0; t < steps; t++) {
    step();
    schedule.step();
  }
  const found = Float64Array.from(await scope(rewards).data());
  step.dispose();
  optimizer.dispose();
  return found;
}
