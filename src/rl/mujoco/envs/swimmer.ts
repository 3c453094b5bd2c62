import type { Reset, ResetOptions, Step } from "../../env.ts";
import { checkNotNegative, chosenOptions } from "../env-options.ts";
import { swimmerMjcf } from "../mjcf/swimmer.ts";
import {
  MujocoEnv,
  controlCost,
  mujocoEnvOptionNames,
  openMujocoEnv,
  stateObservation,
  stepInfo,
} from "../mujoco-env.ts";
import type { MujocoEnvOptions } from "../mujoco-env.ts";
import type { Simulation } from "../simulation.ts";

const defaults = {
  forwardRewardWeight: 1,
  ctrlCostWeight: 1e-4,
  /** Of the start, uniform. */
  resetNoiseScale: 0.1,
  excludeCurrentPositionsFromObservation: true,
};

/** Options of {@link SwimmerEnv}, with Gymnasium's names and defaults. */
export type SwimmerOptions = MujocoEnvOptions & Partial<typeof defaults>;

/**
 * Swimmer-v5: three links swim along x by bending.
 *
 * Observation f64[8]: the angles of the first link and the two joints, then five velocities.
 * Action f32[2] within ±1: torques of the joints. Reward: speed along x less 0.0001 times the
 * squared action. Never terminates.
 */
export class SwimmerEnv extends MujocoEnv {
  readonly #options: typeof defaults;
  readonly #skipped: number;

  constructor(simulation: Simulation, options: SwimmerOptions = {}) {
    const name = "Swimmer";
    const chosen = chosenOptions(name, defaults, options, mujocoEnvOptionNames);
    checkNotNegative(name, "resetNoiseScale", chosen.resetNoiseScale);
    const skipped = chosen.excludeCurrentPositionsFromObservation ? 2 : 0;
    const observationSize = simulation.nq + simulation.nv - skipped;
    const camera = { trackBody: "torso", distance: 5, azimuth: 90, elevation: -50 };
    super(simulation, { name, frameSkip: 4, observationSize, camera }, options);
    this.#options = chosen;
    this.#skipped = skipped;
  }

  /** @throws {ConfigError} if an option is unknown or out of range. */
  static create(options: SwimmerOptions = {}): Promise<SwimmerEnv> {
    return openMujocoEnv(
      options.mjcf ?? swimmerMjcf(),
      (simulation) => new SwimmerEnv(simulation, options),
    );
  }

  reset(options?: ResetOptions): Reset<Float64Array> {
    this.begin(options);
    const { simulation, random } = this;
    const scale = this.#options.resetNoiseScale;
    simulation.reset();
    const qpos = this.around(this.startPosition, scale, random);
    simulation.setState(qpos, this.around(this.startVelocity, scale, random));
    return { observation: stateObservation(simulation, this.#skipped), info: this.#place() };
  }

  step(action: Float32Array): Step<Float64Array> {
    const { simulation, dt } = this;
    const { forwardRewardWeight, ctrlCostWeight } = this.#options;
    const xBefore = simulation.qpos[0];
    const yBefore = simulation.qpos[1];
    const isSane = this.advance(action);
    const place = this.#place();
    const xVelocity = (place.xPosition - xBefore) / dt;
    const yVelocity = (place.yPosition - yBefore) / dt;
    const rewardForward = forwardRewardWeight * xVelocity;
    const cost = controlCost(ctrlCostWeight, action);
    const info = { ...place, xVelocity, yVelocity, rewardForward, rewardCtrl: -cost };
    return {
      observation: stateObservation(simulation, this.#skipped),
      reward: rewardForward - cost,
      terminated: false,
      truncated: !isSane,
      info: stepInfo(info, isSane),
    };
  }

  #place(): { xPosition: number; yPosition: number; distanceFromOrigin: number } {
    const { qpos } = this.simulation;
    const x = qpos[0];
    const y = qpos[1];
    return { xPosition: x, yPosition: y, distanceFromOrigin: Math.hypot(x, y) };
  }
}
