import type { Adam } from "../../optim/adam.ts";
import { requireInRange } from "../../optim/checks.ts";
import type { Rows } from "../../rl/transitions.ts";
import { jit } from "../../tensor/jit.ts";
import type { JitFunction } from "../../tensor/jit.ts";
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

/** Options of {@link DDPG}. */
export interface DdpgSettings extends ActorCriticSettings {
  /** Updates of the critic for each one of actor and targets. CleanRL has 2. */
  readonly policyDelay: number;
}

/** What {@link DDPG} starts from. */
export const ddpgDefaults: DdpgSettings = {
  ...actorCriticDefaults,
  actionNoise: { kind: "gaussian", sigma: 0.1 },
  policyDelay: 1,
};

/** What an update draws at random. */
export interface DdpgDraws {
  /** [batch] i32, rows of the replay. */
  readonly indices?: Tensor;
}

/**
 * Deep deterministic policy gradient: a critic learns the value of actions by the Bellman equation,
 * and an actor climbs it.
 *
 * $y = r + γ (1 - d)\,Q'(s', μ'(s'))$; the critic minimises the mean of $(Q(s, a) - y)^2$, the actor
 * maximises the mean of $Q(s, μ(s))$ for the critic that was just updated; then the targets move:
 * $θ' ← θ' + τ (θ - θ')$. All of it is one compiled program.
 *
 * @see Lillicrap et al. 2016, "Continuous control with deep reinforcement learning",
 *   https://arxiv.org/abs/1509.02971
 * @example
 * const agent = new DDPG(await make("Pendulum-v1"), { netArch: [64, 64], batchSize: 64 });
 * await agent.learn({ totalSteps: 10_000 });
 */
export class DDPG extends OffPolicyLearner<DdpgSettings> {
  readonly actor: Mlp;
  readonly critic: Mlp;
  readonly targetActor: Mlp;
  readonly targetCritic: Mlp;
  readonly actorOptimizer: Adam;
  readonly criticOptimizer: Adam;
  readonly #policy: JitFunction<[Tensor], Tensor>;
  readonly #program: JitFunction<[boolean, DdpgDraws], void>;

  /**
   * @throws {ConfigError} if the environment's actions are no bounded Box, or an option is unknown or
   *   out of range.
   */
  constructor(env: LearnEnv, options: Partial<DdpgSettings> = {}) {
    const settings = mergeSettings("DDPG", ddpgDefaults, options);
    requireActorCriticSettings("DDPG", settings);
    const { policyDelay, actionNoise, randomSteps, learningRate } = settings;
    requireInRange("DDPG", "policyDelay", policyDelay, {
      min: 1,
      below: Infinity,
      isInteger: true,
    });
    const codec = boxActions("DDPG", spacesOf(env).actionSpace);
    super("ddpg", env, settings, { codec, actionNoise, randomSteps: randomSteps ?? undefined });

    const place = this.netPlace();
    this.actor = makeActor(settings, place, codec.size);
    this.critic = makeCritic(settings, place);
    this.targetActor = makeActor(settings, place, codec.size);
    this.targetCritic = makeCritic(settings, place);
    copyNet(this.actor, this.targetActor);
    copyNet(this.critic, this.targetCritic);

    const { actorLearningRate, criticLearningRate, optimizer, criticOptimizer } = settings;
    this.actorOptimizer = this.adam(
      this.actor.parameters(),
      actorLearningRate ?? learningRate,
      optimizer,
    );
    this.criticOptimizer = this.adam(
      this.critic.parameters(),
      criticLearningRate ?? learningRate,
      optimizer,
      criticOptimizer,
    );

    this.declareMetrics("critic_loss", "q_mean", "target_q_mean", "actor_loss", "saturation");
    this.#policy = jit((observations: Tensor) =>
      this.actor.forward(this.normalize(observations)).tanh(),
    );
    this.#program = jit((movesActor: boolean, draws: DdpgDraws) => this.#learn(movesActor, draws));
  }

  /** What `save` wrote, for an environment with the same spaces. @throws {CheckpointError} */
  static async load(folder: string, env: LearnEnv): Promise<DDPG> {
    return loadLearner(
      folder,
      "ddpg",
      (options) => new DDPG(env, options as Partial<DdpgSettings>),
    );
  }

  /**
   * One update: see {@link OffPolicyLearner.update}.
   * @param draws - to repeat an update made elsewhere, instead of drawing.
   */
  override update(draws: DdpgDraws = {}): UpdateMetrics {
    const number = this.beginUpdate();
    this.#program(number % this.settings.policyDelay === 0, draws);
    return this.metrics;
  }

  protected override choose(observations: Tensor, isExploring: boolean): Rows {
    const actions = takeRows(this.#policy(observations));
    return isExploring && this.noise !== null ? this.noise.addTo(actions) : actions;
  }

  #learn(movesActor: boolean, { indices }: DdpgDraws): void {
    const { actor, critic, targetActor, targetCritic } = this;
    const { tau, preactivationPenalty } = this.settings;
    const batch = this.batch(indices);
    const { observations, actions, nextObservations } = batch;

    const nextActions = targetActor.forward(nextObservations).tanh();
    const target = bellmanTarget(batch, valueOf(targetCritic, nextObservations, nextActions));
    const values = valueOf(critic, observations, actions);
    const criticLoss = batchMean(values.sub(target).square(), batch);
    this.descend(this.criticOptimizer, criticLoss);
    this.reportErrors(values.sub(target), indices);
    this.record({
      critic_loss: criticLoss,
      q_mean: values.mean(),
      target_q_mean: target.mean(),
    });
    if (!movesActor) return;

    const outputs = actor.forward(observations);
    const proposed = outputs.tanh();
    const gain = valueOf(critic, observations, proposed).mean();
    const penalty = outputs.square().mean().mul(preactivationPenalty);
    const actorLoss = preactivationPenalty === 0 ? gain.neg() : penalty.sub(gain);
    this.descend(this.actorOptimizer, actorLoss);
    this.record({ actor_loss: actorLoss, saturation: saturation(proposed) });

    softUpdate(actor, targetActor, tau);
    softUpdate(critic, targetCritic, tau);
  }

  protected override parts(): LearnerParts {
    const { actor, critic, targetActor, targetCritic, actorOptimizer, criticOptimizer } = this;
    return {
      nets: { actor, critic, targetActor, targetCritic },
      optimizers: { actor: actorOptimizer, critic: criticOptimizer },
      programs: [this.#policy, this.#program],
    };
  }
}
