import { hopperMjcf } from "../mjcf/hopper.ts";
import { openMujocoEnv } from "../mujoco-env.ts";
import type { MujocoEnvOptions } from "../mujoco-env.ts";
import type { Simulation } from "../simulation.ts";
import { LeggedEnv } from "./legged-env.ts";
import type { LeggedChoices } from "./legged-env.ts";

const defaults: LeggedChoices = {
  forwardRewardWeight: 1,
  ctrlCostWeight: 1e-3,
  healthyReward: 1,
  terminateWhenUnhealthy: true,
  healthyStateRange: [-100, 100],
  healthyZRange: [0.7, Infinity],
  healthyAngleRange: [-0.2, 0.2],
  resetNoiseScale: 5e-3,
  excludeCurrentPositionsFromObservation: true,
};

/** Options of {@link HopperEnv}, with Gymnasium's names and defaults. */
export type HopperOptions = MujocoEnvOptions & Partial<LeggedChoices>;

/**
 * Hopper-v5: hop forward on one leg without falling.
 *
 * Observation f64[11]: height, pitch and three angles, then six velocities within ±10. Action
 * f32[3] within ±1: torques of thigh, leg and foot. Reward: forward speed, plus 1 while healthy,
 * less 0.001 times the squared action. Terminates when the torso is below 0.7 m, tilted by more
 * than 0.2 rad, or anything leaves ±100.
 */
export class HopperEnv extends LeggedEnv {
  constructor(simulation: Simulation, options: HopperOptions = {}) {
    super(simulation, "Hopper", defaults, options);
  }

  /** @throws {ConfigError} if an option is unknown or out of range. */
  static create(options: HopperOptions = {}): Promise<HopperEnv> {
    return openMujocoEnv(
      options.mjcf ?? hopperMjcf(),
      (simulation) => new HopperEnv(simulation, options),
    );
  }
}
