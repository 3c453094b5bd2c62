import type { Reset, ResetOptions, Step } from "../../env.ts";
import { checkNotNegative, chosenOptions } from "../env-options.ts";
import { invertedPendulumMjcf } from "../mjcf/inverted-pendulum.ts";
import {
  MujocoEnv,
  mujocoEnvOptionNames,
  openMujocoEnv,
  stateObservation,
  stepInfo,
} from "../mujoco-env.ts";
import type { MujocoEnvOptions } from "../mujoco-env.ts";
import type { Simulation } from "../simulation.ts";

const defaults = {
  /** Of the start, uniform. */
  resetNoiseScale: 0.01,
};

/** Options of {@link InvertedPendulumEnv}, with Gymnasium's names and defaults. */
export type InvertedPendulumOptions = MujocoEnvOptions & Partial<typeof defaults>;

const largestAngle = 0.2;

/**
 * InvertedPendulum-v5: keep a pole on a cart upright.
 *
 * Observation f64[4]: the cart's position, the pole's angle, and their velocities. Action f32[1]
 * within ±3: the force on the cart. Reward 1 for each step; terminates when the pole leans by more
 * than 0.2 rad.
 */
export class InvertedPendulumEnv extends MujocoEnv {
  readonly #options: typeof defaults;

  constructor(simulation: Simulation, options: InvertedPendulumOptions = {}) {
    const name = "InvertedPendulum";
    const chosen = chosenOptions(name, defaults, options, mujocoEnvOptionNames);
    checkNotNegative(name, "resetNoiseScale", chosen.resetNoiseScale);
    const camera = { distance: 2.6, azimuth: 90, elevation: -12, lookat: [0, 0, 0.2] } as const;
    const observationSize = simulation.nq + simulation.nv;
    super(simulation, { name, frameSkip: 2, observationSize, camera }, options);
    this.#options = chosen;
  }

  /** @throws {ConfigError} if an option is unknown or out of range. */
  static create(options: InvertedPendulumOptions = {}): Promise<InvertedPendulumEnv> {
    const source = options.mjcf ?? invertedPendulumMjcf();
    return openMujocoEnv(source, (simulation) => new InvertedPendulumEnv(simulation, options));
  }

  reset(options?: ResetOptions): Reset<Float64Array> {
    this.begin(options);
    const { simulation, random } = this;
    const scale = this.#options.resetNoiseScale;
    simulation.reset();
    const qpos = this.around(this.startPosition, scale, random);
    simulation.setState(qpos, this.around(this.startVelocity, scale, random));
    return { observation: stateObservation(simulation, 0), info: {} };
  }

  step(action: Float32Array): Step<Float64Array> {
    const isSane = this.advance(action);
    const observation = stateObservation(this.simulation, 0);
    const terminated = !(
      observation.every(Number.isFinite) && Math.abs(observation[1]) <= largestAngle
    );
    const reward = terminated ? 0 : 1;
    const info = stepInfo({ rewardSurvive: reward }, isSane);
    return { observation, reward, terminated, truncated: !isSane, info };
  }
}
