import type { Reset, ResetOptions, Step } from "../../env.ts";
import { chosenOptions } from "../env-options.ts";
import { reacherMjcf } from "../mjcf/reacher.ts";
import {
  MujocoEnv,
  controlCost,
  mujocoEnvOptionNames,
  openMujocoEnv,
  stepInfo,
} from "../mujoco-env.ts";
import type { MujocoEnvOptions } from "../mujoco-env.ts";
import type { Simulation } from "../simulation.ts";

const defaults = {
  rewardDistWeight: 1,
  /** Gymnasium's code has 1, its documentation 0.1. */
  rewardControlWeight: 1,
};

/** Options of {@link ReacherEnv}, with Gymnasium's names and defaults. */
export type ReacherOptions = MujocoEnvOptions & Partial<typeof defaults>;

const armNoise = 0.1;
const speedNoise = 0.005;
const goalRadius = 0.2;

/**
 * Reacher-v5: bring the tip of an arm of two links to a target.
 *
 * Observation f64[10]: cosines, then sines of both angles, the target's x and y, both angular
 * velocities, and the way from target to tip in x and y. Action f32[2] within ±1: torques of both
 * joints. Reward: minus the distance, minus the squared action. Never terminates.
 */
export class ReacherEnv extends MujocoEnv {
  readonly #options: typeof defaults;
  readonly #fingertip: number;
  readonly #target: number;

  constructor(simulation: Simulation, options: ReacherOptions = {}) {
    const name = "Reacher";
    const chosen = chosenOptions(name, defaults, options, mujocoEnvOptionNames);
    const camera = { distance: 0.95, azimuth: 90, elevation: -55, lookat: [0, -0.02, 0] } as const;
    super(simulation, { name, frameSkip: 2, observationSize: 10, camera }, options);
    this.#options = chosen;
    this.#fingertip = simulation.id("body", "fingertip");
    this.#target = simulation.id("body", "target");
  }

  /** @throws {ConfigError} if an option is unknown or out of range. */
  static create(options: ReacherOptions = {}): Promise<ReacherEnv> {
    return openMujocoEnv(
      options.mjcf ?? reacherMjcf(),
      (simulation) => new ReacherEnv(simulation, options),
    );
  }

  reset(options?: ResetOptions): Reset<Float64Array> {
    this.begin(options);
    const { simulation, random } = this;
    simulation.reset();
    const qpos = this.around(this.startPosition, armNoise, random);
    qpos.set(this.#drawGoal(), qpos.length - 2);
    const qvel = this.around(this.startVelocity, speedNoise, random);
    qvel.fill(0, qvel.length - 2);
    simulation.setState(qpos, qvel);
    return { observation: this.#observe(), info: {} };
  }

  step(action: Float32Array): Step<Float64Array> {
    const { rewardDistWeight, rewardControlWeight } = this.#options;
    const isSane = this.advance(action);
    const [x, y, z] = this.#wayFromTarget();
    const rewardDist = -Math.sqrt(x * x + y * y + z * z) * rewardDistWeight;
    const rewardCtrl = -controlCost(rewardControlWeight, action);
    return {
      observation: this.#observe(),
      reward: rewardDist + rewardCtrl,
      terminated: false,
      truncated: !isSane,
      info: stepInfo({ rewardDist, rewardCtrl }, isSane),
    };
  }

  #drawGoal(): readonly [number, number] {
    const { random } = this;
    for (;;) {
      const x = random.uniform(-goalRadius, goalRadius);
      const y = random.uniform(-goalRadius, goalRadius);
      if (Math.hypot(x, y) < goalRadius) return [x, y];
    }
  }

  #wayFromTarget(): readonly [number, number, number] {
    const { xpos } = this.simulation;
    const [from, to] = [3 * this.#target, 3 * this.#fingertip];
    return [xpos[to] - xpos[from], xpos[to + 1] - xpos[from + 1], xpos[to + 2] - xpos[from + 2]];
  }

  #observe(): Float64Array {
    const { qpos, qvel } = this.simulation;
    const [x, y] = this.#wayFromTarget();
    const observation = new Float64Array(10);
    for (let i = 0; i < 2; i++) {
      observation[i] = Math.cos(qpos[i]);
      observation[2 + i] = Math.sin(qpos[i]);
      observation[4 + i] = qpos[2 + i];
      observation[6 + i] = qvel[i];
    }
    observation[8] = x;
    observation[9] = y;
    return observation;
  }
}
