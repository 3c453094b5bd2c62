import { requireNumbers } from "../action-check.ts";
import { Box } from "../box.ts";
import { drawMountainCar } from "../drawing/mountain-car.ts";
import { Env } from "../env.ts";
import type { Reset, ResetOptions, Step } from "../env.ts";
import type { Frame, RenderMode } from "../frame.ts";
import { noInfo } from "../no-info.ts";
import { requireFinite, requireKnownNames, resetBounds } from "../option-names.ts";

const minPosition = Math.fround(-1.2);
const maxPosition = Math.fround(0.6);
const maxSpeed = 0.07;
const goal = 0.45;
const power = Math.fround(0.0015);

/** Options of {@link MountainCarContinuous}. */
export interface MountainCarContinuousOptions {
  /** Speed the car needs at the goal; 0 without it. */
  readonly goalVelocity?: number;
  readonly renderMode?: RenderMode | null;
}

/**
 * `MountainCarContinuous-v0`: drive out of a valley with an engine that is too weak to climb.
 *
 * Observation f32 [position in [-1.2, 0.6], speed within ±0.07]; action f32 [force] within ±1
 * (clipped); reward 100 at the goal, position 0.45, where it terminates, minus 0.1 force² with
 * the force as it was given. The registered task is cut after 999 steps, and solved at 90.
 *
 * `reset({ options: { low, high } })` sets where the car may start; -0.6 to -0.4 without them.
 *
 * @see Gymnasium's classic control environments, `MountainCarContinuous-v0`.
 */
export class MountainCarContinuous extends Env<Float32Array, Float32Array> {
  readonly observationSpace: Box = new Box([-1.2, -maxSpeed], [0.6, maxSpeed]);
  readonly actionSpace: Box = new Box(-1, 1);
  override readonly renderModes: readonly RenderMode[] = ["rgb_array", "ansi"];
  override readonly renderFps: number = 30;
  readonly #goalVelocity: number;
  #position = 0;
  #velocity = 0;

  /** @throws {ConfigError} if an option is unknown or not finite. */
  constructor(options: MountainCarContinuousOptions = {}) {
    super();
    requireKnownNames("MountainCarContinuous", options, ["goalVelocity", "renderMode"]);
    const { goalVelocity = 0, renderMode = null } = options;
    this.#goalVelocity = requireFinite("MountainCarContinuous", "goalVelocity", goalVelocity);
    this.renderMode = renderMode;
  }

  /** Position and speed. */
  get state(): readonly [position: number, velocity: number] {
    return [this.#position, this.#velocity];
  }

  reset(options?: ResetOptions): Reset<Float32Array> {
    this.begin(options);
    const [low, high] = resetBounds("MountainCarContinuous", options?.options, -0.6, -0.4);
    this.#position = this.random.uniform(low, high);
    this.#velocity = 0;
    return { observation: this.#observe(), info: {} };
  }

  step(action: Float32Array): Step<Float32Array> {
    requireNumbers("MountainCarContinuous", action, 1);
    // The state is f32, as Gymnasium keeps it: returns to its last digits depend on that.
    const { fround } = Math;
    const force = Math.min(Math.max(action[0], -1), 1);
    const slope = fround(0.0025 * Math.cos(fround(3 * this.#position)));
    const pushed = fround(this.#velocity + fround(fround(force * power) - slope));
    const velocity = Math.min(Math.max(pushed, -maxSpeed), maxSpeed);
    const moved = fround(this.#position + velocity);
    const position = Math.min(Math.max(moved, minPosition), maxPosition);
    this.#position = position;
    this.#velocity = position === minPosition && velocity < 0 ? 0 : fround(velocity);
    const terminated = position >= goal && this.#velocity >= this.#goalVelocity;
    return {
      observation: this.#observe(),
      reward: (terminated ? 100 : 0) - action[0] * action[0] * 0.1,
      terminated,
      truncated: false,
      info: noInfo,
    };
  }

  override render(): Frame | string | null {
    const scene = { position: this.#position, goal };
    return this.renderMode === null ? null : drawMountainCar(scene, this.renderMode);
  }

  #observe(): Float32Array {
    return Float32Array.of(this.#position, this.#velocity);
  }
}
