import type { Reset, ResetOptions, Step } from "../../env.ts";
import { checkNotNegative, chosenOptions } from "../env-options.ts";
import { invertedDoublePendulumMjcf } from "../mjcf/inverted-pendulum.ts";
import { MujocoEnv, mujocoEnvOptionNames, openMujocoEnv, stepInfo } from "../mujoco-env.ts";
import type { MujocoEnvOptions } from "../mujoco-env.ts";
import type { Simulation } from "../simulation.ts";

const defaults = {
  /** Reward for each step that does not end the episode. */
  healthyReward: 10,
  /** Of the start: uniform on positions, normal on velocities. */
  resetNoiseScale: 0.1,
};

/** Options of {@link InvertedDoublePendulumEnv}, with Gymnasium's names and defaults. */
export type InvertedDoublePendulumOptions = MujocoEnvOptions & Partial<typeof defaults>;

/** Of velocities and of the force in an observation. */
const limit = 10;

/**
 * InvertedDoublePendulum-v5: keep two poles, one on the other, upright on a cart.
 *
 * Observation f64[9]: the cart's position, sines, then cosines of both angles, three velocities
 * and the force of the rail's end, all within ±10. Action f32[1] within ±1: the force on the cart.
 * Reward: 10 less penalties for the tip's distance from the top and for speed; terminates when the
 * tip is not above 1 m.
 */
export class InvertedDoublePendulumEnv extends MujocoEnv {
  readonly #options: typeof defaults;
  readonly #tip: number;

  constructor(simulation: Simulation, options: InvertedDoublePendulumOptions = {}) {
    const name = "InvertedDoublePendulum";
    const chosen = chosenOptions(name, defaults, options, mujocoEnvOptionNames);
    checkNotNegative(name, "resetNoiseScale", chosen.resetNoiseScale);
    const camera = { distance: 3.6, azimuth: 90, elevation: -10, lookat: [0, 0, 0.5] } as const;
    super(simulation, { name, frameSkip: 5, observationSize: 9, camera }, options);
    this.#options = chosen;
    this.#tip = simulation.id("site", "tip");
  }

  /** @throws {ConfigError} if an option is unknown or out of range. */
  static create(options: InvertedDoublePendulumOptions = {}): Promise<InvertedDoublePendulumEnv> {
    const source = options.mjcf ?? invertedDoublePendulumMjcf();
    return openMujocoEnv(
      source,
      (simulation) => new InvertedDoublePendulumEnv(simulation, options),
    );
  }

  reset(options?: ResetOptions): Reset<Float64Array> {
    this.begin(options);
    const { simulation, random } = this;
    const scale = this.#options.resetNoiseScale;
    simulation.reset();
    const qpos = this.around(this.startPosition, scale, random);
    simulation.setState(qpos, this.normalAround(this.startVelocity, scale, random));
    return { observation: this.#observe(), info: {} };
  }

  step(action: Float32Array): Step<Float64Array> {
    const isSane = this.advance(action);
    const { qvel, siteXpos } = this.simulation;
    const x = siteXpos[3 * this.#tip];
    const height = siteXpos[3 * this.#tip + 2];
    const terminated = height <= 1;
    const distance = 0.01 * x ** 2 + (height - 2) ** 2;
    const speed = 1e-3 * qvel[1] ** 2 + 5e-3 * qvel[2] ** 2;
    const rewardSurvive = terminated ? 0 : this.#options.healthyReward;
    const info = { rewardSurvive, distancePenalty: -distance, velocityPenalty: -speed };
    return {
      observation: this.#observe(),
      reward: rewardSurvive - distance - speed,
      terminated,
      truncated: !isSane,
      info: stepInfo(info, isSane),
    };
  }

  #observe(): Float64Array {
    const { qpos, qvel, qfrcConstraint } = this.simulation;
    const observation = new Float64Array(9);
    observation[0] = qpos[0];
    for (let i = 0; i < 2; i++) {
      observation[1 + i] = Math.sin(qpos[1 + i]);
      observation[3 + i] = Math.cos(qpos[1 + i]);
    }
    for (let i = 0; i < 3; i++) observation[5 + i] = clipped(qvel[i]);
    observation[8] = clipped(qfrcConstraint[0]);
    return observation;
  }
}

function clipped(value: number): number {
  return Math.min(limit, Math.max(-limit, value));
}
