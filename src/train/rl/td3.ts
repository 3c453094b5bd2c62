import type { Adam } from "../../optim/adam.ts";
import { requireInRange } from "../../optim/checks.ts";
import type { Rows } from "../../rl/transitions.ts";
import { jit } from "../../tensor/jit.ts";
import type { JitFunction } from "../../tensor/jit.ts";
import { normal } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { boxActions } from "./action-codec.ts";
import { makeActor, makeCritic, valueOf } from "./actor-critic-nets.ts";
import { batchMean, bellmanTarget, saturation } from "./bellman.ts";
import type { UpdateMetrics } from "./learner.ts";
import type { Mlp } from "./mlp.ts";
import { OffPolicyLearner, loadLearner, spacesOf, takeRows } from "./off-policy-learner.ts";
import type { LearnerParts } from "./off-policy-learner.ts";
import {
  actorCriticDefaults,
  mergeSettings,
  requireActorCriticSettings,
} from "./off-policy-settings.ts";
import type { ActorCriticSettings } from "./off-policy-settings.ts";
import { copyNet, softUpdate } from "./soft-update.ts";
import type { LearnEnv } from "./stepper-of.ts";

/** Options of {@link TD3}. */
export interface Td3Settings extends ActorCriticSettings {
  /** Updates of the critics for each one of actor and targets. */
  readonly policyDelay: number;
  /** Standard deviation of the noise on the target's actions, which lie in [-1, 1]. */
  readonly targetPolicyNoise: number;
  /** Bound of that noise. */
  readonly targetNoiseClip: number;
}

/** What {@link TD3} starts from. */
export const td3Defaults: Td3Settings = {
  ...actorCriticDefaults,
  actionNoise: { kind: "gaussian", sigma: 0.1 },
  policyDelay: 2,
  targetPolicyNoise: 0.2,
  targetNoiseClip: 0.5,
};

/** What an update draws at random. */
export interface Td3Draws {
  /** [batch] i32, rows of the replay. */
  readonly indices?: Tensor;
  /** [batch, actions] standard normal: the noise on the target's actions before it is scaled. */
  readonly noise?: Tensor;
}

/**
 * Twin delayed DDPG: of two critics the smaller value counts, the target's actions are blurred, and
 * the actor waits for the critics. The cure where DDPG's values run away.
 *
 * $y = r + γ (1 - d) \min_i Q'_i(s', \mathrm{clip}(μ'(s') + ε))$ with
 * $ε = \mathrm{clip}(N(0, σ), ±c)$; each critic minimises the mean of $(Q_i(s, a) - y)^2$, and every
 * `policyDelay`-th update the actor maximises the mean of $Q_1(s, μ(s))$ and the targets move.
 *
 * @see Fujimoto et al. 2018, "Addressing Function Approximation Error in Actor-Critic Methods",
 *   https://arxiv.org/abs/1802.09477
 */
export class TD3 extends OffPolicyLearner<Td3Settings> {
  readonly actor: Mlp;
  readonly critics: readonly [Mlp, Mlp];
  readonly targetActor: Mlp;
  readonly targetCritics: readonly [Mlp, Mlp];
  readonly actorOptimizer: Adam;
  readonly criticOptimizer: Adam;
  readonly #policy: JitFunction<[Tensor], Tensor>;
  readonly #program: JitFunction<[boolean, Td3Draws], void>;

  /**
   * @throws {ConfigError} if the environment's actions are no bounded Box, or an option is unknown or
   *   out of range.
   */
  constructor(env: LearnEnv, options: Partial<Td3Settings> = {}) {
    const settings = mergeSettings("TD3", td3Defaults, options);
    requireTd3Settings(settings);
    const { actionNoise, randomSteps, learningRate } = settings;
    const codec = boxActions("TD3", spacesOf(env).actionSpace);
    super("td3", env, settings, { codec, actionNoise, randomSteps: randomSteps ?? undefined });

    const place = this.netPlace();
    this.actor = makeActor(settings, place, codec.size);
    this.critics = [makeCritic(settings, place), makeCritic(settings, place)];
    this.targetActor = makeActor(settings, place, codec.size);
    this.targetCritics = [makeCritic(settings, place), makeCritic(settings, place)];
    copyNet(this.actor, this.targetActor);
    this.critics.forEach((critic, i) => copyNet(critic, this.targetCritics[i]));

    const { actorLearningRate, criticLearningRate, optimizer, criticOptimizer } = settings;
    this.actorOptimizer = this.adam(
      this.actor.parameters(),
      actorLearningRate ?? learningRate,
      optimizer,
    );
    this.criticOptimizer = this.adam(
      this.critics.flatMap((critic) => critic.parameters()),
      criticLearningRate ?? learningRate,
      optimizer,
      criticOptimizer,
    );

    this.declareMetrics("critic_loss", "q_mean", "target_q_mean", "actor_loss", "saturation");
    this.#policy = jit((observations: Tensor) =>
      this.actor.forward(this.normalize(observations)).tanh(),
    );
    this.#program = jit((movesActor: boolean, draws: Td3Draws) => this.#learn(movesActor, draws));
  }

  /** What `save` wrote, for an environment with the same spaces. @throws {CheckpointError} */
  static async load(folder: string, env: LearnEnv): Promise<TD3> {
    return loadLearner(folder, "td3", (options) => new TD3(env, options as Partial<Td3Settings>));
  }

  /**
   * One update: see {@link OffPolicyLearner.update}.
   * @param draws - to repeat an update made elsewhere, instead of drawing.
   */
  override update(draws: Td3Draws = {}): UpdateMetrics {
    const number = this.beginUpdate();
    this.#program(number % this.settings.policyDelay === 0, draws);
    return this.metrics;
  }

  protected override choose(observations: Tensor, isExploring: boolean): Rows {
    const actions = takeRows(this.#policy(observations));
    return isExploring && this.noise !== null ? this.noise.addTo(actions) : actions;
  }

  #learn(movesActor: boolean, draws: Td3Draws): void {
    const { actor, critics, targetActor, targetCritics } = this;
    const { tau, preactivationPenalty } = this.settings;
    const batch = this.batch(draws.indices);
    const { observations, actions, nextObservations } = batch;

    const nextActions = this.#blurred(targetActor.forward(nextObservations).tanh(), draws.noise);
    const [next1, next2] = targetCritics.map((critic) =>
      valueOf(critic, nextObservations, nextActions),
    );
    const target = bellmanTarget(batch, next1.minimum(next2));
    const [values, others] = critics.map((critic) => valueOf(critic, observations, actions));
    const criticLoss = batchMean(
      values.sub(target).square().add(others.sub(target).square()),
      batch,
    );
    this.descend(this.criticOptimizer, criticLoss);
    this.reportErrors(values.sub(target), draws.indices);
    this.record({
      critic_loss: criticLoss,
      q_mean: values.mean(),
      target_q_mean: target.mean(),
    });
    if (!movesActor) return;

    const outputs = actor.forward(observations);
    const proposed = outputs.tanh();
    const gain = valueOf(critics[0], observations, proposed).mean();
    const penalty = outputs.square().mean().mul(preactivationPenalty);
    const actorLoss = preactivationPenalty === 0 ? gain.neg() : penalty.sub(gain);
    this.descend(this.actorOptimizer, actorLoss);
    this.record({ actor_loss: actorLoss, saturation: saturation(proposed) });

    softUpdate(actor, targetActor, tau);
    critics.forEach((critic, i) => softUpdate(critic, targetCritics[i], tau));
  }

  /** Actions with the noise that smooths the target. */
  #blurred(actions: Tensor, given: Tensor | undefined): Tensor {
    const { targetPolicyNoise: sigma, targetNoiseClip: bound } = this.settings;
    const { device, generator } = this;
    const noise = given ?? normal(actions.shape, { device, generator });
    const limited = noise.mul(sigma).clamp({ min: -bound, max: bound });
    return actions.add(limited).clamp({ min: -1, max: 1 });
  }

  protected override parts(): LearnerParts {
    const { actor, critics, targetActor, targetCritics } = this;
    return {
      nets: {
        actor,
        critic1: critics[0],
        critic2: critics[1],
        targetActor,
        targetCritic1: targetCritics[0],
        targetCritic2: targetCritics[1],
      },
      optimizers: { actor: this.actorOptimizer, critic: this.criticOptimizer },
      programs: [this.#policy, this.#program],
    };
  }
}

function requireTd3Settings(settings: Td3Settings): void {
  requireActorCriticSettings("TD3", settings);
  const { policyDelay, targetPolicyNoise, targetNoiseClip } = settings;
  requireInRange("TD3", "policyDelay", policyDelay, { min: 1, below: Infinity, isInteger: true });
  requireInRange("TD3", "targetPolicyNoise", targetPolicyNoise, { min: 0, below: Infinity });
  requireInRange("TD3", "targetNoiseClip", targetNoiseClip, { min: 0, below: Infinity });
}
