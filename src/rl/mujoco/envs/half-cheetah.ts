import type { Reset, ResetOptions, Step } from "../../env.ts";
import { checkNotNegative, chosenOptions } from "../env-options.ts";
import { halfCheetahMjcf } from "../mjcf/half-cheetah.ts";
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
  ctrlCostWeight: 0.1,
  /** Of the start: uniform on positions, normal on velocities. */
  resetNoiseScale: 0.1,
  excludeCurrentPositionsFromObservation: true,
};

/** Options of {@link HalfCheetahEnv}, with Gymnasium's names and defaults. */
export type HalfCheetahOptions = MujocoEnvOptions & Partial<typeof defaults>;

/**
 * HalfCheetah-v5: run forward as fast as possible.
 *
 * Observation f64[17]: height, pitch and the six joints' angles, then nine velocities. Action
 * f32[6] within ±1: torques of the back and front thigh, shin and foot. Reward: forward speed less
 * 0.1 times the squared action. Never terminates.
 */
export class HalfCheetahEnv extends MujocoEnv {
  readonly #options: typeof defaults;
  readonly #skipped: number;

  constructor(simulation: Simulation, options: HalfCheetahOptions = {}) {
    const name = "HalfCheetah";
    const chosen = chosenOptions(name, defaults, options, mujocoEnvOptionNames);
    checkNotNegative(name, "resetNoiseScale", chosen.resetNoiseScale);
    const skipped = chosen.excludeCurrentPositionsFromObservation ? 1 : 0;
    const observationSize = simulation.nq + simulation.nv - skipped;
    const camera = { trackBody: "torso", distance: 3.6, azimuth: 90, elevation: -10 };
    super(simulation, { name, frameSkip: 5, observationSize, camera }, options);
    this.#options = chosen;
    this.#skipped = skipped;
  }

  /** @throws {ConfigError} if an option is unknown or out of range. */
  static create(options: HalfCheetahOptions = {}): Promise<HalfCheetahEnv> {
    return openMujocoEnv(
      options.mjcf ?? halfCheetahMjcf(),
      (simulation) => new HalfCheetahEnv(simulation, options),
    );
  }

  reset(options?: ResetOptions): Reset<Float64Array> {
    this.begin(options);
    const { simulation, random } = this;
    const scale = this.#options.resetNoiseScale;
    simulation.reset();
    const qpos = this.around(this.startPosition, scale, random);
    simulation.setState(qpos, this.normalAround(this.startVelocity, scale, random));
    return {
      observation: stateObservation(simulation, this.#skipped),
      info: { xPosition: simulation.qpos[0] },
    };
  }

  step(action: Float32Array): Step<Float64Array> {
    const { simulation } = this;
    const { forwardRewardWeight, ctrlCostWeight } = this.#options;
    const before = simulation.qpos[0];
    const isSane = this.advance(action);
    const xPosition = simulation.qpos[0];
    const xVelocity = (xPosition - before) / this.dt;
    const rewardForward = forwardRewardWeight * xVelocity;
    const cost = controlCost(ctrlCostWeight, action);
    const info = { xPosition, xVelocity, rewardForward, rewardCtrl: -cost };
    return {
      observation: stateObservation(simulation, this.#skipped),
      reward: rewardForward - cost,
      terminated: false,
      truncated: !isSane,
      info: stepInfo(info, isSane),
    };
  }
}
