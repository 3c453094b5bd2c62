import { smoothL1Loss } from "../../nn/functional/loss.ts";
import type { Adam } from "../../optim/adam.ts";
import { requireInRange } from "../../optim/checks.ts";
import type { Rows } from "../../rl/transitions.ts";
import { jit } from "../../tensor/jit.ts";
import type { JitFunction } from "../../tensor/jit.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { discreteActions } from "./action-codec.ts";
import { batchMean, bellmanTarget } from "./bellman.ts";
import type { LearnerState, UpdateMetrics } from "./learner.ts";
import { Mlp } from "./mlp.ts";
import { OffPolicyLearner, loadLearner, spacesOf, takeRows } from "./off-policy-learner.ts";
import type { LearnerParts } from "./off-policy-learner.ts";
import {
  mergeSettings,
  offPolicyDefaults,
  requireOffPolicySettings,
  requireWidths,
} from "./off-policy-settings.ts";
import type { OffPolicySettings } from "./off-policy-settings.ts";
import { scheduleAt } from "./schedule.ts";
import { copyNet, softUpdate } from "./soft-update.ts";
import type { LearnEnv } from "./stepper-of.ts";

/** Options of {@link DQN}. */
export interface DqnSettings extends OffPolicySettings {
  /** Widths of the hidden layers. */
  readonly netArch: readonly number[];
  /** Part of the training over which the chance of a random action falls, in (0, 1]. */
  readonly explorationFraction: number;
  /** That chance at the start. */
  readonly explorationInitialEps: number;
  /** That chance at the end of the fall, and from then on. */
  readonly explorationFinalEps: number;
  /** Steps of the environments between two moves of the target net. */
  readonly targetUpdateInterval: number;
  /** Whether the online net chooses the next action and the target only rates it. */
  readonly doubleQ: boolean;
}

/** What {@link DQN} starts from: Stable-Baselines3's values. */
export const dqnDefaults: DqnSettings = {
  ...offPolicyDefaults,
  learningRate: 1e-4,
  learningStarts: 100,
  batchSize: 32,
  tau: 1,
  trainFrequency: 4,
  maxGradNorm: 10,
  netArch: [64, 64],
  explorationFraction: 0.1,
  explorationInitialEps: 1,
  explorationFinalEps: 0.05,
  targetUpdateInterval: 10_000,
  doubleQ: false,
};

/** What an update draws at random. */
export interface DqnDraws {
  /** [batch] i32, rows of the replay. */
  readonly indices?: Tensor;
}

/**
 * Deep Q-learning for discrete actions: a net gives the value of each action, the best is taken,
 * and a random one with a chance that falls while training.
 *
 * $y = r + γ (1 - d) \max_{a'} Q'(s', a')$; the net minimises the mean Huber loss of $Q(s, a) - y$,
 * and the target becomes the net every `targetUpdateInterval` steps.
 *
 * @see Mnih et al. 2015, "Human-level control through deep reinforcement learning"; van Hasselt et
 *   al. 2016, "Deep Reinforcement Learning with Double Q-learning", for `doubleQ`.
 */
export class DQN extends OffPolicyLearner<DqnSettings> {
  readonly net: Mlp;
  readonly targetNet: Mlp;
  readonly optimizer: Adam;
  #epsilon: number;
  /** Steps at which the target moved last. */
  #movedAt = 0;
  readonly #policy: JitFunction<[Tensor], Tensor>;
  readonly #program: JitFunction<[boolean, DqnDraws], void>;

  /**
   * @throws {ConfigError} if the environment's actions are not Discrete, or an option is unknown or
   *   out of range.
   */
  constructor(env: LearnEnv, options: Partial<DqnSettings> = {}) {
    const settings = mergeSettings("DQN", dqnDefaults, options);
    requireDqnSettings(settings);
    const codec = discreteActions("DQN", spacesOf(env).actionSpace);
    super("dqn", env, settings, { codec });

    const { netArch, activation, layerNorm, learningRate } = settings;
    const { observationSize, generator, device } = this;
    const shape = { inputs: observationSize, outputs: codec.n, hidden: netArch, activation };
    const rest = { layerNorm, lastLayerInit: null, generator, device };
    this.net = new Mlp({ ...shape, ...rest });
    this.targetNet = new Mlp({ ...shape, ...rest });
    copyNet(this.net, this.targetNet);
    this.optimizer = this.adam(this.net.parameters(), learningRate, settings.optimizer);
    this.#epsilon = settings.explorationInitialEps;

    this.declareMetrics("loss", "q_mean", "target_q_mean");
    this.#policy = jit((observations: Tensor) =>
      this.net.forward(this.normalize(observations)).argmax({ dim: 1 }).to("f32"),
    );
    this.#program = jit((movesTarget: boolean, draws: DqnDraws) => this.#learn(movesTarget, draws));
  }

  /** What `save` wrote, for an environment with the same spaces. @throws {CheckpointError} */
  static async load(folder: string, env: LearnEnv): Promise<DQN> {
    return loadLearner(folder, "dqn", (options) => new DQN(env, options as Partial<DqnSettings>));
  }

  /** Chance of a random action. */
  get explorationRate(): number {
    return this.#epsilon;
  }

  override setProgress(done: number): void {
    super.setProgress(done);
    const { explorationInitialEps: from, explorationFinalEps: to } = this.settings;
    this.#epsilon = scheduleAt({ from, to, until: this.settings.explorationFraction }, done);
  }

  /**
   * One update: see {@link OffPolicyLearner.update}.
   * @param draws - to repeat an update made elsewhere, instead of drawing.
   */
  override update(draws: DqnDraws = {}): UpdateMetrics {
    this.beginUpdate();
    const isDue = this.steps - this.#movedAt >= this.settings.targetUpdateInterval;
    if (isDue) this.#movedAt = this.steps;
    this.#program(isDue, draws);
    return this.metrics;
  }

  protected override choose(observations: Tensor, isExploring: boolean): Rows {
    const actions = takeRows(this.#policy(observations));
    if (!isExploring) return actions;
    return actions.map((best) => {
      const isRandom = this.random.random() < this.#epsilon;
      return isRandom ? this.codec.random(1, this.random)[0] : best;
    });
  }

  #learn(movesTarget: boolean, { indices }: DqnDraws): void {
    const { net, targetNet } = this;
    const batch = this.batch(indices);

    const target = bellmanTarget(batch, this.#nextValues(batch.nextObservations));
    const taken = batch.actions.to("i32");
    const values = net.forward(batch.observations).takeAlongDim(taken, 1).squeeze({ dim: 1 });
    const losses = smoothL1Loss(values, target, { reduction: "none" });
    const loss = batchMean(losses, batch);
    this.descend(this.optimizer, loss);
    this.reportErrors(values.sub(target), indices);
    this.record({ loss, q_mean: values.mean(), target_q_mean: target.mean() });

    if (movesTarget) softUpdate(net, targetNet, this.settings.tau);
  }

  /** Value of the best next action by the target net. Shapes: [batch, …] → [batch]. */
  #nextValues(nextObservations: Tensor): Tensor {
    const next = this.targetNet.forward(nextObservations);
    if (!this.settings.doubleQ) return next.amax({ dim: 1 });
    const best = this.net.forward(nextObservations).argmax({ dim: 1 }).unsqueeze(1);
    return next.takeAlongDim(best, 1).squeeze({ dim: 1 });
  }

  override state(options: { readonly withReplay: boolean }): LearnerState {
    const { tensors, plain } = super.state(options);
    return { tensors, plain: { ...plain, epsilon: this.#epsilon, movedAt: this.#movedAt } };
  }

  override async loadState(state: LearnerState): Promise<void> {
    await super.loadState(state);
    this.#epsilon = state.plain["epsilon"] as number;
    this.#movedAt = state.plain["movedAt"] as number;
  }

  protected override parts(): LearnerParts {
    return {
      nets: { net: this.net, targetNet: this.targetNet },
      optimizers: { net: this.optimizer },
      programs: [this.#policy, this.#program],
    };
  }
}

function requireDqnSettings(settings: DqnSettings): void {
  requireOffPolicySettings("DQN", settings);
  requireWidths("DQN", settings.netArch);
  const check = requireInRange.bind(null, "DQN");
  check("explorationFraction", settings.explorationFraction, { above: 0, max: 1 });
  check("explorationInitialEps", settings.explorationInitialEps, { min: 0, max: 1 });
  check("explorationFinalEps", settings.explorationFinalEps, { min: 0, max: 1 });
  const { targetUpdateInterval } = settings;
  const integer = { min: 1, below: Infinity, isInteger: true };
  check("targetUpdateInterval", targetUpdateInterval, integer);
}
