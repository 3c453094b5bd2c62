import { ConfigError } from "../../base/errors.ts";
import { requireNumbers } from "../action-check.ts";
import { Box } from "../box.ts";
import { Env } from "../env.ts";
import type { Reset, ResetOptions, Step } from "../env.ts";
import type { RenderMode } from "../frame.ts";
import { noInfo } from "../no-info.ts";
import { requireKnownNames } from "../option-names.ts";
import { lqrOptima } from "./lqr-optimum.ts";
import { mixingModel } from "./mixing-model.ts";
import type { MixingModel } from "./mixing-model.ts";

const decay = 0.9;
const effort = 0.5;
const noise = 0.1;
/** Starts are uniform within ± this. */
const start = 0.5;

/** Steps of an episode of the registered task. */
export const lqrTrackingSteps = 50;

/** Options of {@link LqrTracking}. */
export interface LqrTrackingOptions {
  /** Number of action dimensions, and of errors; 8 without it. */
  readonly d?: number;
  readonly renderMode?: RenderMode | null;
}

/**
 * Follow a drifting target in `d` dimensions with `d` forces, each of which pushes in a direction
 * of its own across all dimensions. The best policy is linear, and its return is known.
 *
 * Observation f32 [d], the error e; action f32 [d] within ±1 (clipped);
 * e' = 0.9 e + B a + w, w ~ N(0, 0.1²) for each dimension, e ~ U(-0.5, 0.5) at the start;
 * reward -(|e'|² + 0.5 |a|²) / d. B = U diag(s) Vᵀ with fixed orthogonal U, V and s from 0.2 to
 * 0.6. It never ends by itself; the registered task is cut after 50 steps.
 *
 * B mixes the dimensions, so no action can be chosen alone: three values for each dimension are
 * 3^d joint actions.
 */
export class LqrTracking extends Env<Float32Array, Float32Array> {
  readonly observationSpace: Box;
  readonly actionSpace: Box;
  /** Number of dimensions. */
  readonly d: number;
  readonly #model: MixingModel;
  readonly #error: Float64Array;
  /** B times the last action. */
  readonly #push: Float64Array;
  readonly #knownFeedbacks = new Map<number, Float64Array>();

  /** @throws {ConfigError} if `d` is no integer from 1 to 1024, or an option is unknown. */
  constructor(options: LqrTrackingOptions = {}) {
    super();
    requireKnownNames("LqrTracking", options, ["d", "renderMode"]);
    const { d = 8 } = options;
    if (!(Number.isInteger(d) && d >= 1 && d <= 1024)) {
      throw new ConfigError(`LqrTracking: d must be an integer from 1 to 1024, got ${d}`);
    }
    this.d = d;
    this.observationSpace = new Box(-Infinity, Infinity, { shape: [d] });
    this.actionSpace = new Box(-1, 1, { shape: [d] });
    this.#model = mixingModel(d);
    this.#error = new Float64Array(d);
    this.#push = new Float64Array(d);
  }

  /** The matrix B, column by column. */
  get mixing(): Float64Array {
    return this.#model.mixing.slice();
  }

  reset(options?: ResetOptions): Reset<Float32Array> {
    this.begin(options);
    for (let i = 0; i < this.d; i++) this.#error[i] = this.random.uniform(-start, start);
    return { observation: Float32Array.from(this.#error), info: {} };
  }

  step(action: Float32Array): Step<Float32Array> {
    requireNumbers("LqrTracking", action, this.d);
    const spent = this.#apply(action);
    let squares = 0;
    for (let i = 0; i < this.d; i++) {
      const error = decay * this.#error[i] + this.#push[i] + noise * this.random.standardNormal();
      this.#error[i] = error;
      squares += error * error;
    }
    return {
      observation: Float32Array.from(this.#error),
      reward: -(squares + effort * spent) / this.d,
      terminated: false,
      truncated: false,
      info: noInfo,
    };
  }

  /**
   * The mean return of the best policy, over start states and noise, from iterating the Riccati
   * equation. Bounds of actions are left out: one in ten thousand numbers of the best actions
   * would reach them.
   */
  optimalReturn(steps: number = lqrTrackingSteps): number {
    const costs = this.#model.gains.map((gain) => {
      const { perError, perNoise } = lqrOptima({ decay, gain, effort }, steps)[steps];
      return (perError * start * start) / 3 + perNoise * noise * noise;
    });
    return -costs.reduce((a, b) => a + b, 0) / this.d;
  }

  /**
   * The best action for an observation, clipped to its bounds.
   *
   * @param stepsLeft - of the episode; without it, those of an endless one.
   */
  optimalAction(observation: ArrayLike<number>, stepsLeft: number = 200): Float32Array {
    requireNumbers("LqrTracking.optimalAction", observation, this.d);
    const { left, right } = this.#model;
    const { d } = this;
    const feedbacks = this.#feedbacks(stepsLeft);
    const modes = new Float64Array(d);
    for (let i = 0; i < d; i++) {
      for (let k = 0; k < d; k++) modes[k] += left[i * d + k] * observation[i];
    }
    for (let k = 0; k < d; k++) modes[k] *= -feedbacks[k];
    return Float32Array.from({ length: d }, (_, i) => {
      let sum = 0;
      for (let k = 0; k < d; k++) sum += right[i * d + k] * modes[k];
      return Math.min(Math.max(sum, -1), 1);
    });
  }

  /** The best feedback in each direction. */
  #feedbacks(stepsLeft: number): Float64Array {
    let known = this.#knownFeedbacks.get(stepsLeft);
    if (known === undefined) {
      const best = (gain: number): number =>
        lqrOptima({ decay, gain, effort }, stepsLeft)[stepsLeft].feedback;
      known = Float64Array.from(this.#model.gains, best);
      this.#knownFeedbacks.set(stepsLeft, known);
    }
    return known;
  }

  /** Puts B times the clipped action into the pushes; returns the action's square. */
  #apply(action: Float32Array): number {
    const { mixing } = this.#model;
    const { d } = this;
    let spent = 0;
    this.#push.fill(0);
    for (let j = 0; j < d; j++) {
      const force = Math.min(Math.max(action[j], -1), 1);
      spent += force * force;
      for (let i = 0; i < d; i++) this.#push[i] += mixing[j * d + i] * force;
    }
    return spent;
  }
}
