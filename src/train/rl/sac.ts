import { ConfigError } from "../../base/errors.ts";
import { Parameter } from "../../nn/parameter.ts";
import type { Adam } from "../../optim/adam.ts";
import { requireInRange } from "../../optim/checks.ts";
import type { Rows } from "../../rl/transitions.ts";
import { full } from "../../tensor/factories.ts";
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
import { meanAndLogStd, squashedSample } from "./squashed-gaussian.ts";
import type { LearnEnv } from "./stepper-of.ts";

/** Options of {@link SAC}. */
export interface SacSettings extends ActorCriticSettings {
  /**
   * The temperature: weight of the entropy beside the return. `auto` learns it from 1 on, `auto_0.1`
   * from 0.1 on; a number keeps it.
   */
  readonly entCoef: number | "auto" | `auto_${number}`;
  /** Entropy that an automatic temperature aims at; `auto` is minus the size of an action. */
  readonly targetEntropy: number | "auto";
  /** Updates for each one of the targets. */
  readonly targetUpdateInterval: number;
}

/** What {@link SAC} starts from. */
export const sacDefaults: SacSettings = {
  ...actorCriticDefaults,
  learningRate: 3e-4,
  entCoef: "auto",
  targetEntropy: "auto",
  targetUpdateInterval: 1,
};

/** What an update draws at random. */
export interface SacDraws {
  /** [batch] i32, rows of the replay. */
  readonly indices?: Tensor;
  /** [batch, actions] standard normal, for actions where the batch was. */
  readonly noise?: Tensor;
  /** [batch, actions] standard normal, for actions in what followed. */
  readonly nextNoise?: Tensor;
}

/**
 * Soft actor-critic: a stochastic policy $a = \tanh(μ(s) + σ(s) ε)$ that maximises the return and its
 * own entropy, weighted by a temperature α.
 *
 * $y = r + γ (1 - d) (\min_i Q'_i(s', a') - α \log π(a'|s'))$ with a' from the policy; each critic
 * minimises half the mean of $(Q_i(s, a) - y)^2$, the actor the mean of
 * $α \log π(a|s) - \min_i Q_i(s, a)$, and $\log α$ the mean of $-\log α\,(\log π + \bar H)$.
 *
 * The density of tanh is computed exactly, where Stable-Baselines3 adds 1e-6 inside the logarithm.
 *
 * @see Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications",
 *   https://arxiv.org/abs/1812.05905
 */
export class SAC extends OffPolicyLearner<SacSettings> {
  readonly actor: Mlp;
  readonly critics: readonly [Mlp, Mlp];
  readonly targetCritics: readonly [Mlp, Mlp];
  /** Logarithm of the temperature, f32 []. */
  readonly logEntCoef: Parameter;
  readonly actorOptimizer: Adam;
  readonly criticOptimizer: Adam;
  /** Null where the temperature is fixed. */
  readonly entCoefOptimizer: Adam | null;
  readonly #targetEntropy: number;
  readonly #policy: JitFunction<[Tensor, boolean], Tensor>;
  readonly #program: JitFunction<[boolean, SacDraws], void>;

  /**
   * @throws {ConfigError} if the environment's actions are no bounded Box, or an option is unknown or
   *   out of range.
   */
  constructor(env: LearnEnv, options: Partial<SacSettings> = {}) {
    const settings = mergeSettings("SAC", sacDefaults, options);
    requireSacSettings(settings);
    const { actionNoise, randomSteps, learningRate, targetEntropy } = settings;
    const codec = boxActions("SAC", spacesOf(env).actionSpace);
    super("sac", env, settings, { codec, actionNoise, randomSteps: randomSteps ?? undefined });

    const place = this.netPlace();
    this.actor = makeActor(settings, place, 2 * codec.size);
    this.critics = [makeCritic(settings, place), makeCritic(settings, place)];
    this.targetCritics = [makeCritic(settings, place), makeCritic(settings, place)];
    this.critics.forEach((critic, i) => copyNet(critic, this.targetCritics[i]));
    this.#targetEntropy = targetEntropy === "auto" ? -codec.size : targetEntropy;
    const temperature = firstTemperature(settings.entCoef);
    this.logEntCoef = new Parameter(full([], Math.log(temperature), { device: this.device }));

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
    const isLearned = typeof settings.entCoef !== "number";
    this.entCoefOptimizer = isLearned ? this.adam([this.logEntCoef], learningRate) : null;

    this.declareMetrics("critic_loss", "q_mean", "target_q_mean", "actor_loss", "saturation");
    this.declareMetrics("ent_coef", "entropy", ...(isLearned ? ["ent_coef_loss"] : []));
    this.#policy = jit((observations: Tensor, isExploring: boolean) => {
      const outputs = this.actor.forward(this.normalize(observations));
      if (!isExploring) return meanAndLogStd(outputs)[0].tanh();
      return squashedSample(outputs, this.#noise(undefined, observations.shape[0])).actions;
    });
    this.#program = jit((movesTargets: boolean, draws: SacDraws) =>
      this.#learn(movesTargets, draws),
    );
  }

  /** What `save` wrote, for an environment with the same spaces. @throws {CheckpointError} */
  static async load(folder: string, env: LearnEnv): Promise<SAC> {
    return loadLearner(folder, "sac", (options) => new SAC(env, options as Partial<SacSettings>));
  }

  /**
   * One update: see {@link OffPolicyLearner.update}.
   * @param draws - to repeat an update made elsewhere, instead of drawing.
   */
  override update(draws: SacDraws = {}): UpdateMetrics {
    const number = this.beginUpdate();
    this.#program(number % this.settings.targetUpdateInterval === 0, draws);
    return this.metrics;
  }

  protected override choose(observations: Tensor, isExploring: boolean): Rows {
    const actions = takeRows(this.#policy(observations, isExploring));
    return isExploring && this.noise !== null ? this.noise.addTo(actions) : actions;
  }

  #learn(movesTargets: boolean, draws: SacDraws): void {
    const { actor, critics, targetCritics } = this;
    const { batchSize, tau, preactivationPenalty } = this.settings;
    const batch = this.batch(draws.indices);
    const { observations, actions, nextObservations } = batch;

    const outputs = actor.forward(observations);
    const sample = squashedSample(outputs, this.#noise(draws.noise, batchSize));
    const temperature = this.#temperature();
    this.#learnTemperature(sample.logProbs.detach());

    const next = squashedSample(
      actor.forward(nextObservations),
      this.#noise(draws.nextNoise, batchSize),
    );
    const [next1, next2] = targetCritics.map((critic) =>
      valueOf(critic, nextObservations, next.actions),
    );
    const softValues = next1.minimum(next2).sub(temperature.mul(next.logProbs));
    const target = bellmanTarget(batch, softValues);
    const [values, others] = critics.map((critic) => valueOf(critic, observations, actions));
    const squares = values.sub(target).square().add(others.sub(target).square());
    const criticLoss = batchMean(squares, batch).mul(0.5);
    this.descend(this.criticOptimizer, criticLoss);
    this.reportErrors(values.sub(target), draws.indices);

    const [gain1, gain2] = critics.map((critic) => valueOf(critic, observations, sample.actions));
    const objective = temperature.mul(sample.logProbs).sub(gain1.minimum(gain2)).mean();
    const penalty = meanAndLogStd(outputs)[0].square().mean().mul(preactivationPenalty);
    const actorLoss = preactivationPenalty === 0 ? objective : objective.add(penalty);
    this.descend(this.actorOptimizer, actorLoss);

    this.record({
      critic_loss: criticLoss,
      q_mean: values.mean(),
      target_q_mean: target.mean(),
      actor_loss: actorLoss,
      saturation: saturation(sample.actions),
      ent_coef: temperature,
      entropy: sample.logProbs.mean().neg(),
    });
    if (!movesTargets) return;
    critics.forEach((critic, i) => softUpdate(critic, targetCritics[i], tau));
  }

  /** α as it is before the update. */
  #temperature(): Tensor {
    return this.logEntCoef.detach().exp();
  }

  /** Raises the temperature where the entropy is below its target, and lowers it above. */
  #learnTemperature(logProbs: Tensor): void {
    if (this.entCoefOptimizer === null) return;
    const loss = this.logEntCoef.mul(logProbs.add(this.#targetEntropy)).mean().neg();
    this.descend(this.entCoefOptimizer, loss);
    this.record({ ent_coef_loss: loss });
  }

  #noise(given: Tensor | undefined, count: number): Tensor {
    const { codec, device, generator } = this;
    return given ?? normal([count, codec.size], { device, generator });
  }

  protected override parts(): LearnerParts {
    const { actor, critics, targetCritics, entCoefOptimizer } = this;
    return {
      nets: {
        actor,
        critic1: critics[0],
        critic2: critics[1],
        targetCritic1: targetCritics[0],
        targetCritic2: targetCritics[1],
      },
      optimizers: {
        actor: this.actorOptimizer,
        critic: this.criticOptimizer,
        ...(entCoefOptimizer !== null && { entCoef: entCoefOptimizer }),
      },
      tensors: { logEntCoef: this.logEntCoef },
      programs: [this.#policy, this.#program],
    };
  }
}

/** The temperature a training starts with. */
function firstTemperature(entCoef: SacSettings["entCoef"]): number {
  if (typeof entCoef === "number") return entCoef;
  return entCoef === "auto" ? 1 : Number(entCoef.slice("auto_".length));
}

function requireSacSettings(settings: SacSettings): void {
  requireActorCriticSettings("SAC", settings);
  const { entCoef, targetEntropy, targetUpdateInterval } = settings;
  const isNamed = typeof entCoef !== "string" || /^auto(_.+)?$/.test(entCoef);
  const first = isNamed ? firstTemperature(entCoef) : Number.NaN;
  if (!(first > 0 && first < Infinity)) {
    throw new ConfigError(
      `SAC: entCoef must be "auto", "auto_" with a first value such as "auto_0.1", or a number > 0, ` +
        `got ${String(entCoef)}`,
    );
  }
  if (targetEntropy !== "auto") {
    requireInRange("SAC", "targetEntropy", targetEntropy, { above: -Infinity, below: Infinity });
  }
  const integer = { min: 1, below: Infinity, isInteger: true };
  requireInRange("SAC", "targetUpdateInterval", targetUpdateInterval, integer);
}
