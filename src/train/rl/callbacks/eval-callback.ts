import type { Seed } from "../../../base/pcg64.ts";
import { ConfigError } from "../../../base/errors.ts";
import type { Env } from "../../../rl/env.ts";
import { requireKnownNames } from "../../../rl/option-names.ts";
import type { Callback, Training } from "../callback.ts";
import { isDue } from "../callback.ts";
import { evaluatePolicy } from "../evaluate-policy.ts";
import { requireCount } from "../option-checks.ts";
import { savePolicy } from "../policy-file.ts";
import { copyWrapperStates } from "../wrapper-states.ts";

/** Options of {@link EvalCallback}. */
export interface EvaluationOptions {
  /** An environment of its own: the one that is trained in must not notice. */
  readonly env: Env;
  /** Steps of training between evaluations. @defaultValue 5000 */
  readonly everySteps?: number;
  /** @defaultValue 10 */
  readonly episodes?: number;
  /**
   * Every evaluation plays the episodes of seeds `seed`, `seed + 1`, …, so that they differ by the
   * policy alone. @defaultValue 1,000,000
   */
  readonly seed?: Seed;
  /** @defaultValue true */
  readonly deterministic?: boolean;
  /** Where the policy with the best mean return is kept; without it, it is not. */
  readonly bestFolder?: string;
}

const optionNames = "env everySteps episodes seed deterministic bestFolder".split(" ");

/**
 * Judges the policy at regular steps, without noise and in an environment of its own, and keeps the
 * best one. It logs `eval/mean_reward`, `eval/std_reward`, `eval/mean_ep_length`, `eval/best_mean_reward`
 * and, where `info.isSuccess` is given, `eval/success_rate`. Normalisers around the environment take
 * over the statistics of those in training.
 */
export class EvalCallback implements Callback {
  readonly name: string = "EvalCallback";
  readonly #options: EvaluationOptions;
  #best = -Infinity;

  /** @throws {ConfigError} for unknown options, or counts that are none. */
  constructor(options: EvaluationOptions) {
    requireKnownNames("EvalCallback", options, optionNames);
    requireCount("EvalCallback", "everySteps", options.everySteps ?? 1);
    requireCount("EvalCallback", "episodes", options.episodes ?? 1);
    this.#options = options;
  }

  /** Best mean return so far. */
  get bestMeanReturn(): number {
    return this.#best;
  }

  onTrainingStart({ envs }: Training): void {
    const { env } = this.#options;
    if (!envs.some((other) => other.unwrapped === env.unwrapped)) return;
    throw new ConfigError(
      `EvalCallback: env must be an environment of its own, got the one that is trained in; ` +
        "make a second one",
    );
  }

  onStep(training: Training): void | Promise<void> {
    if (isDue(training, this.#options.everySteps ?? 5000)) return this.#evaluate(training);
  }

  state(): Readonly<Record<string, unknown>> {
    return { best: this.#best };
  }

  /** Goes on from the best return of a resumed run. */
  loadState(state: Readonly<Record<string, unknown>>): void {
    this.#best = Number(state["best"]);
  }

  async #evaluate(training: Training): Promise<void> {
    const { env, episodes = 10, seed = 1_000_000, deterministic = true } = this.#options;
    copyWrapperStates(training.wrapped, env);
    const options = { episodes, seed, deterministic };
    const result = await evaluatePolicy(training.learner, env, options);
    const isBest = result.meanReturn > this.#best;
    if (isBest) this.#best = result.meanReturn;
    const values = {
      mean_reward: result.meanReturn,
      std_reward: result.stdReturn,
      mean_ep_length: result.meanLength,
      best_mean_reward: this.#best,
      success_rate: result.successRate,
    };
    for (const [name, value] of Object.entries(values)) {
      if (Number.isFinite(value)) training.record(`eval/${name}`, value);
    }
    if (isBest) this.#keepBest(training, result.meanReturn);
    await training.evaluated({
      ...result,
      step: training.steps,
      isBest,
      bestMeanReturn: this.#best,
    });
  }

  #keepBest(training: Training, meanReturn: number): void {
    const { bestFolder } = this.#options;
    if (bestFolder === undefined) return;
    training.afterCallbacks(async () => {
      const { learner, envId, wrapped, steps } = training;
      await savePolicy(bestFolder, learner, {
        env: envId,
        wrappersOf: wrapped,
        step: steps,
        meanReturn,
      });
    });
  }
}
