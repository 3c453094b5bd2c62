import { ConfigError } from "../../base/errors.ts";
import type { Pcg64 } from "../../base/pcg64.ts";
import { requireNumbers } from "../action-check.ts";
import { Box } from "../box.ts";
import { frameText } from "../drawing/frame-text.ts";
import { cameraAt, cameraOptionNames } from "../drawing/camera.ts";
import type { CameraOptions } from "../drawing/camera.ts";
import { Env } from "../env.ts";
import type { Frame, RenderMode } from "../frame.ts";
import { requireKnownNames } from "../option-names.ts";
import { drawSimulation } from "./draw-simulation.ts";
import { Simulation } from "./simulation.ts";
import type { MjcfSource } from "./simulation.ts";

/** Options every MuJoCo environment has. */
export interface MujocoEnvOptions {
  /** Another model than the environment's own, with the same joints. */
  readonly mjcf?: string | MjcfSource;
  /** Steps of the physics per step of the environment. */
  readonly frameSkip?: number;
  readonly renderMode?: RenderMode | null;
  /** Size of frames; 480 × 480 without them. */
  readonly width?: number;
  readonly height?: number;
  /** From where frames are drawn. */
  readonly camera?: CameraOptions;
}

/** The names of {@link MujocoEnvOptions}. */
export const mujocoEnvOptionNames: readonly string[] = [
  "mjcf",
  "frameSkip",
  "renderMode",
  "width",
  "height",
  "camera",
];

/** What an environment adds to the options of its maker. */
export interface MujocoEnvShape {
  readonly name: string;
  readonly frameSkip: number;
  readonly observationSize: number;
  readonly camera: CameraOptions;
}

const frameSize = 480;

/**
 * A task in a simulation: actions set the controls, and `frameSkip` steps of physics follow.
 *
 * Observations are f64 arrays, actions f32 arrays within the actuators' ranges. A state that
 * exploded is put back to the start by MuJoCo; such an episode is cut (`truncated`), with
 * `info.diverged` true.
 */
export abstract class MujocoEnv extends Env<Float64Array, Float32Array> {
  readonly observationSpace: Box<"f64">;
  readonly actionSpace: Box;
  override readonly renderModes: readonly RenderMode[] = ["rgb_array", "ansi"];
  override readonly renderFps: number;
  readonly simulation: Simulation;
  readonly frameSkip: number;
  /** Seconds one step takes. */
  readonly dt: number;
  /** The model's own start. */
  protected readonly startPosition: Float64Array;
  protected readonly startVelocity: Float64Array;
  readonly #name: string;
  readonly #camera: CameraOptions;
  readonly #frameSize: readonly [number, number];

  /** @throws {ConfigError} if the model has no actuators, or one without a range. */
  constructor(simulation: Simulation, shape: MujocoEnvShape, options: MujocoEnvOptions = {}) {
    super();
    const { name, observationSize } = shape;
    this.#name = name;
    this.simulation = simulation;
    this.actionSpace = controlSpace(name, simulation);
    this.observationSpace = new Box(-Infinity, Infinity, {
      shape: [observationSize],
      dtype: "f64",
    });
    this.frameSkip = checkWhole(name, "frameSkip", options.frameSkip ?? shape.frameSkip);
    this.dt = simulation.timestep * this.frameSkip;
    this.renderFps = Math.round(1 / this.dt);
    this.renderMode = checkRenderMode(name, options.renderMode ?? null, this.renderModes);
    this.startPosition = Float64Array.from(simulation.qpos);
    this.startVelocity = Float64Array.from(simulation.qvel);
    this.#camera = chosenCamera(name, simulation, shape.camera, options.camera);
    this.#frameSize = [
      checkWhole(name, "width", options.width ?? frameSize),
      checkWhole(name, "height", options.height ?? frameSize),
    ];
  }

  /** A frame, or text that shows it in a terminal of 24-bit colours; null without a mode. */
  override render(): Frame | string | null {
    if (this.renderMode === null) return null;
    if (this.renderMode === "ansi") {
      return frameText(drawSimulation(this.simulation, this.#camera, [160, 96]), 80);
    }
    return drawSimulation(this.simulation, this.#camera, this.#frameSize);
  }

  override close(): void {
    this.simulation.close();
  }

  /**
   * Acts for one step; false if the physics exploded.
   *
   * @throws {ConfigError} if the action has another length than the controls, or is not finite.
   */
  protected advance(action: Float32Array): boolean {
    const { simulation } = this;
    const { ctrl } = simulation;
    // MuJoCo would put 0 for NaN, print a warning and go on.
    requireNumbers(this.#name, action, ctrl.length);
    ctrl.set(action);
    const isSane = simulation.step(this.frameSkip);
    simulation.forces();
    return isSane;
  }

  /** Uniform noise around a start, as NumPy's generator draws it. */
  protected around(start: Float64Array, scale: number, random: Pcg64): Float64Array {
    return start.map((value) => value + random.uniform(-scale, scale));
  }

  /** Normal noise around a start. */
  protected normalAround(start: Float64Array, scale: number, random: Pcg64): Float64Array {
    return start.map((value) => value + scale * random.standardNormal());
  }
}

/** Compiles a model and makes its environment; frees the model if that fails. */
export async function openMujocoEnv<Made>(
  source: string | MjcfSource,
  make: (simulation: Simulation) => Made,
): Promise<Made> {
  const simulation = await Simulation.create(source);
  try {
    return make(simulation);
  } catch (cause) {
    simulation.close();
    throw cause;
  }
}

/** `weight · Σ action²` in single precision, as NumPy computes it on f32 actions. */
export function controlCost(weight: number, action: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < action.length; i++) {
    sum = Math.fround(sum + Math.fround(action[i] * action[i]));
  }
  return Math.fround(Math.fround(weight) * sum);
}

/** The info of a step, marked if its physics exploded. */
export function stepInfo(info: Record<string, unknown>, isSane: boolean): Record<string, unknown> {
  if (!isSane) info.diverged = true;
  return info;
}

/** Positions from an index on, then velocities within ±limit, in a new array. */
export function stateObservation(
  { qpos, qvel }: Simulation,
  skipped: number,
  limit: number = Infinity,
): Float64Array {
  const positions = qpos.length - skipped;
  const observation = new Float64Array(positions + qvel.length);
  for (let i = 0; i < positions; i++) observation[i] = qpos[skipped + i];
  for (let i = 0; i < qvel.length; i++) {
    observation[positions + i] = Math.min(limit, Math.max(-limit, qvel[i]));
  }
  return observation;
}

function chosenCamera(
  name: string,
  simulation: Simulation,
  own: CameraOptions,
  chosen: CameraOptions = {},
): CameraOptions {
  requireKnownNames(`${name}: camera`, chosen, cameraOptionNames);
  const { trackBody = null } = chosen;
  // Of a body that the maker named there must be one; the task's own may lack in another model.
  if (trackBody !== null) simulation.id("body", trackBody);
  const camera = { ...own, ...chosen };
  cameraAt(camera);
  return camera;
}

function controlSpace(name: string, simulation: Simulation): Box {
  const { controlRange } = simulation;
  if (controlRange.length === 0) {
    throw new ConfigError(
      `${name}: the model must have actuators, got none; add <actuator><motor joint="…" ` +
        `ctrlrange="-1 1" ctrllimited="true"/></actuator> to the MJCF`,
    );
  }
  const open = controlRange.findIndex(([low, high]) => !(low < high));
  if (open >= 0) {
    throw new ConfigError(
      `${name}: every actuator must have a ctrlrange, got [${controlRange[open].join(", ")}] ` +
        `for number ${open}; add ctrlrange="-1 1" ctrllimited="true" to it`,
    );
  }
  return new Box(
    controlRange.map(([low]) => low),
    controlRange.map(([, high]) => high),
  );
}

function checkWhole(name: string, option: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new ConfigError(`${name}: ${option} must be a positive integer, got ${value}`);
}

function checkRenderMode(
  name: string,
  mode: RenderMode | null,
  known: readonly RenderMode[],
): RenderMode | null {
  if (mode === null || known.includes(mode)) return mode;
  throw new ConfigError(
    `${name}: renderMode must be one of ${known.join(", ")} or null, got ${String(mode)}`,
  );
}
