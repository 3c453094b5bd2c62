import { walker2dMjcf } from "../mjcf/walker2d.ts";
import { openMujocoEnv } from "../mujoco-env.ts";
import type { MujocoEnvOptions } from "../mujoco-env.ts";
import type { Simulation } from "../simulation.ts";
import { LeggedEnv } from "./legged-env.ts";
import type { LeggedChoices } from "./legged-env.ts";

const defaults: Omit<LeggedChoices, "healthyStateRange"> = {
  forwardRewardWeight: 1,
  ctrlCostWeight: 1e-3,
  healthyReward: 1,
  terminateWhenUnhealthy: true,
  healthyZRange: [0.8, 2],
  healthyAngleRange: [-1, 1],
  resetNoiseScale: 5e-3,
  excludeCurrentPositionsFromObservation: true,
};

/** Options of {@link Walker2dEnv}, with Gymnasium's names and defaults. */
export type Walker2dOptions = MujocoEnvOptions & Partial<typeof defaults>;

/**
 * Walker2d-v5: walk forward on two legs without falling.
 *
 * Observation f64[17]: height, pitch and six angles, then nine velocities within ±10. Action
 * f32[6] within ±1: torques of the right and the left thigh, leg and foot. Reward as Hopper's.
 * Terminates when the torso leaves heights of 0.8 to 2 m or tilts by more than 1 rad.
 */
export class Walker2dEnv extends LeggedEnv {
  constructor(simulation: Simulation, options: Walker2dOptions = {}) {
    super(simulation, "Walker2d", defaults, options);
  }

  /** @throws {ConfigError} if an option is unknown or out of range. */
  static create(options: Walker2dOptions = {}): Promise<Walker2dEnv> {
    return openMujocoEnv(
      options.mjcf ?? walker2dMjcf(),
      (simulation) => new Walker2dEnv(simulation, options),
    );
  }
}
