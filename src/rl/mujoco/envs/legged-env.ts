import type { Reset, ResetOptions, Step } from "../../env.ts";
import { checkNotNegative, chosenOptions } from "../env-options.ts";
import type { Range } from "../env-options.ts";
import {
  MujocoEnv,
  controlCost,
  mujocoEnvOptionNames,
  stateObservation,
  stepInfo,
} from "../mujoco-env.ts";
import type { MujocoEnvOptions } from "../mujoco-env.ts";
import type { Simulation } from "../simulation.ts";

/** What the tasks on legs let their makers choose, with Gymnasium's names. */
export interface LeggedChoices {
  readonly forwardRewardWeight: number;
  readonly ctrlCostWeight: number;
  /** Reward for each step in which the body is healthy. */
  readonly healthyReward: number;
  readonly terminateWhenUnhealthy: boolean;
  /** Bounds of a healthy state: of the torso's height and pitch. */
  readonly healthyZRange: Range;
  readonly healthyAngleRange: Range;
  /** Of all other positions, and all velocities. */
  readonly healthyStateRange?: Range;
  /** Of the start, uniform. */
  readonly resetNoiseScale: number;
  readonly excludeCurrentPositionsFromObservation: boolean;
}

const largestVelocity = 10;

/** A body on legs in a plane that is to go forward and not to fall. */
export class LeggedEnv extends MujocoEnv {
  readonly #options: LeggedChoices;
  readonly #skipped: number;

  constructor(
    simulation: Simulation,
    name: string,
    defaults: LeggedChoices,
    options: MujocoEnvOptions & Partial<LeggedChoices>,
  ) {
    const chosen = chosenOptions(name, defaults, options, mujocoEnvOptionNames);
    checkNotNegative(name, "resetNoiseScale", chosen.resetNoiseScale);
    const skipped = chosen.excludeCurrentPositionsFromObservation ? 1 : 0;
    const observationSize = simulation.nq + simulation.nv - skipped;
    const camera = { trackBody: "torso", distance: 3.6, azimuth: 90, elevation: -8 };
    super(simulation, { name, frameSkip: 4, observationSize, camera }, options);
    this.#options = chosen;
    this.#skipped = skipped;
  }

  /** Whether the torso is upright and high enough, and the state within its range. */
  get isHealthy(): boolean {
    const { qpos, qvel } = this.simulation;
    const { healthyZRange, healthyAngleRange, healthyStateRange } = this.#options;
    if (!isWithin(qpos[1], healthyZRange) || !isWithin(qpos[2], healthyAngleRange)) return false;
    if (healthyStateRange === undefined) return true;
    for (let i = 2; i < qpos.length; i++) if (!isWithin(qpos[i], healthyStateRange)) return false;
    for (let i = 0; i < qvel.length; i++) if (!isWithin(qvel[i], healthyStateRange)) return false;
    return true;
  }

  reset(options?: ResetOptions): Reset<Float64Array> {
    this.begin(options);
    const { simulation, random } = this;
    const scale = this.#options.resetNoiseScale;
    simulation.reset();
    const qpos = this.around(this.startPosition, scale, random);
    simulation.setState(qpos, this.around(this.startVelocity, scale, random));
    return { observation: this.#observe(), info: this.#place() };
  }

  step(action: Float32Array): Step<Float64Array> {
    const { simulation } = this;
    const { forwardRewardWeight, ctrlCostWeight, healthyReward } = this.#options;
    const before = simulation.qpos[0];
    const isSane = this.advance(action);
    const xVelocity = (simulation.qpos[0] - before) / this.dt;
    const { isHealthy } = this;
    const rewardForward = forwardRewardWeight * xVelocity;
    const rewardSurvive = isHealthy ? healthyReward : 0;
    const cost = controlCost(ctrlCostWeight, action);
    const rewards = { rewardForward, rewardCtrl: -cost, rewardSurvive };
    return {
      observation: this.#observe(),
      reward: rewardForward + rewardSurvive - cost,
      terminated: !isHealthy && this.#options.terminateWhenUnhealthy,
      truncated: !isSane,
      info: stepInfo({ ...this.#place(), xVelocity, ...rewards }, isSane),
    };
  }

  #observe(): Float64Array {
    return stateObservation(this.simulation, this.#skipped, largestVelocity);
  }

  #place(): { xPosition: number; zDistanceFromOrigin: number } {
    const { qpos } = this.simulation;
    return { xPosition: qpos[0], zDistanceFromOrigin: qpos[1] - this.startPosition[1] };
  }
}

function isWithin(value: number, [low, high]: Range): boolean {
  return low < value && value < high;
}
