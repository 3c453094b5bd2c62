import { ConfigError, UsageError } from "../../base/errors.ts";
import type { Pcg64 } from "../../base/pcg64.ts";
import type { Reset, ResetOptions, Step } from "../env.ts";
import { requireKnownNames } from "../option-names.ts";
import { checkNotNegative } from "./env-options.ts";
import {
  MujocoEnv,
  mujocoEnvOptionNames,
  openMujocoEnv,
  stateObservation,
  stepInfo,
} from "./mujoco-env.ts";
import type { MujocoEnvOptions } from "./mujoco-env.ts";
import type { MjcfSource, Simulation } from "./simulation.ts";

/** What a step did, for the functions of a {@link MujocoTask}. */
export interface Turn {
  /** After the step. */
  readonly simulation: Simulation;
  readonly action: Float32Array;
  /** Positions before the step, [nq]. */
  readonly positionBefore: Float64Array;
  /** Seconds the step took. */
  readonly dt: number;
}

/** A start of an episode. */
export interface StartState {
  /** [nq] */
  readonly qpos: ArrayLike<number>;
  /** [nv] */
  readonly qvel: ArrayLike<number>;
}

/** A model and what is to be done with it. */
export interface MujocoTask extends MujocoEnvOptions {
  /** The model: XML, or with its files what `readMjcf` of `athanor/rl/node` returns. */
  readonly mjcf: string | MjcfSource;
  /** The reward of a step. */
  readonly reward: (turn: Turn) => number;
  /** Whether the task has ended; never without it. */
  readonly terminated?: (turn: Turn) => boolean;
  /** What is seen, always of one length; without it all positions, then all velocities. */
  readonly observation?: (simulation: Simulation) => ArrayLike<number>;
  /** Where an episode starts; without it the model's own start with noise. */
  readonly start?: (simulation: Simulation, random: Pcg64) => StartState;
  /** Half width of the uniform noise on the model's own start; 0.01 without it. */
  readonly resetNoiseScale?: number;
  /** Facts for `info`. */
  readonly info?: (turn: Turn) => Record<string, unknown>;
  /** In messages. */
  readonly name?: string;
}

const ownNames = [
  "reward",
  "terminated",
  "observation",
  "start",
  "resetNoiseScale",
  "info",
  "name",
];
const defaultNoise = 0.01;

/** A task in a model of the user's: {@link mujocoEnv} makes it. */
export class CustomMujocoEnv extends MujocoEnv {
  readonly #task: MujocoTask;
  readonly #name: string;
  #steps = 0;

  constructor(simulation: Simulation, task: MujocoTask) {
    const name = task.name ?? "mujocoEnv";
    requireKnownNames(name, task, [...mujocoEnvOptionNames, ...ownNames]);
    checkNotNegative(name, "resetNoiseScale", task.resetNoiseScale ?? defaultNoise);
    simulation.forward();
    const observationSize = observe(task, simulation).length;
    super(simulation, { name, frameSkip: 1, observationSize, camera: {} }, task);
    this.#task = task;
    this.#name = name;
  }

  reset(options?: ResetOptions): Reset<Float64Array> {
    this.begin(options);
    const { simulation } = this;
    simulation.reset();
    const { qpos, qvel } = this.#start();
    simulation.setState(qpos, qvel);
    this.#steps = 0;
    return { observation: this.#observe(), info: {} };
  }

  step(action: Float32Array): Step<Float64Array> {
    const { simulation, dt } = this;
    const task = this.#task;
    const positionBefore = simulation.qpos.slice();
    const isSane = this.advance(action);
    this.#steps++;
    const turn: Turn = { simulation, action, positionBefore, dt };
    const reward = task.reward(turn);
    if (!Number.isFinite(reward)) this.#refuseReward(reward, action);
    return {
      observation: this.#observe(),
      reward,
      terminated: task.terminated?.(turn) ?? false,
      truncated: !isSane,
      info: stepInfo({ ...task.info?.(turn) }, isSane),
    };
  }

  #start(): StartState {
    const { random, startPosition, startVelocity } = this;
    const { start, resetNoiseScale = defaultNoise } = this.#task;
    if (start !== undefined) return start(this.simulation, random);
    const qpos = this.around(startPosition, resetNoiseScale, random);
    return { qpos, qvel: this.around(startVelocity, resetNoiseScale, random) };
  }

  #observe(): Float64Array {
    const observation = observe(this.#task, this.simulation);
    const { size } = this.observationSpace;
    if (observation.length === size) return observation;
    throw new UsageError(
      `${this.#name}: observations must keep their length of ${size}, ` +
        `got ${observation.length} at step ${this.#steps}`,
    );
  }

  #refuseReward(reward: unknown, action: Float32Array): never {
    throw new UsageError(
      `${this.#name}: the reward must be a finite number, got ${String(reward)} at step ` +
        `${this.#steps} after action [${Array.from(action).join(", ")}]; look at \`reward\``,
    );
  }
}

/**
 * Makes an environment from a model and a reward:
 *
 * ```ts
 * const env = await mujocoEnv({
 *   mjcf: xml,
 *   frameSkip: 5,
 *   reward: ({ simulation, positionBefore, dt }) => (simulation.qpos[0] - positionBefore[0]) / dt,
 *   terminated: ({ simulation }) => simulation.bodyPosition("torso")[2] < 0.3,
 * });
 * ```
 *
 * Actions are f32[nu] within the actuators' ranges, observations f64. Wrap it in `TimeLimit`, or
 * register it, to end its episodes.
 *
 * @throws {ConfigError} if the package `@mujoco/mujoco` is not installed, the model does not
 *   compile or has no actuators, or an option is unknown.
 */
export async function mujocoEnv(task: MujocoTask): Promise<CustomMujocoEnv> {
  if (typeof task?.mjcf !== "string" && typeof task?.mjcf?.xml !== "string") {
    throw new ConfigError(
      `mujocoEnv: mjcf must be XML text or what readMjcf returns, got ${typeof task?.mjcf}`,
    );
  }
  if (typeof task.reward !== "function") {
    throw new ConfigError(`mujocoEnv: reward must be a function, got ${typeof task.reward}`);
  }
  return openMujocoEnv(task.mjcf, (simulation) => new CustomMujocoEnv(simulation, task));
}

function observe(task: MujocoTask, simulation: Simulation): Float64Array {
  if (task.observation === undefined) return stateObservation(simulation, 0);
  return Float64Array.from(task.observation(simulation));
}
