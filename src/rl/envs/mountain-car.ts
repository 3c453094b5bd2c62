import { requireAction } from "../action-check.ts";
import { Box } from "../box.ts";
import { Discrete } from "../discrete.ts";
import { drawMountainCar } from "../drawing/mountain-car.ts";
import { Env } from "../env.ts";
import type { Reset, ResetOptions, Step } from "../env.ts";
import type { Frame, RenderMode } from "../frame.ts";
import { noInfo } from "../no-info.ts";
import { requireFinite, requireKnownNames, resetBounds } from "../option-names.ts";

const minPosition = -1.2;
const maxPosition = 0.6;
const maxSpeed = 0.07;
const goal = 0.5;

/** Options of {@link MountainCar}. */
export interface MountainCarOptions {
  /** Speed the car needs at the goal; 0 without it. */
  readonly goalVelocity?: number;
  readonly renderMode?: RenderMode | null;
}

/**
 * `MountainCar-v0`: drive out of a valley by pushing left (0), not at all (1) or right (2).
 *
 * Observation f32 [position, speed]; reward -1 for each step; terminates at position 0.5. The
 * registered task is cut after 200 steps, and solved at -110.
 *
 * `reset({ options: { low, high } })` sets where the car may start; -0.6 to -0.4 without them.
 *
 * @see Moore 1990, "Efficient Memory-based Learning for Robot Control".
 */
export class MountainCar extends Env<Float32Array, number> {
  readonly observationSpace: Box = new Box([minPosition, -maxSpeed], [maxPosition, maxSpeed]);
  readonly actionSpace: Discrete = new Discrete(3);
  override readonly renderModes: readonly RenderMode[] = ["rgb_array", "ansi"];
  override readonly renderFps: number = 30;
  readonly #goalVelocity: number;
  #position = 0;
  #velocity = 0;

  /** @throws {ConfigError} if an option is unknown or not finite. */
  constructor(options: MountainCarOptions = {}) {
    super();
    requireKnownNames("MountainCar", options, ["goalVelocity", "renderMode"]);
    this.#goalVelocity = requireFinite("MountainCar", "goalVelocity", options.goalVelocity ?? 0);
    this.renderMode = options.renderMode ?? null;
  }

  reset(options?: ResetOptions): Reset<Float32Array> {
    this.begin(options);
    const [low, high] = resetBounds("MountainCar", options?.options, -0.6, -0.4);
    this.#position = this.random.uniform(low, high);
    this.#velocity = 0;
    return { observation: this.#observe(), info: {} };
  }

  step(action: number): Step<Float32Array> {
    requireAction("MountainCar", action, this.actionSpace);
    const pushed = this.#velocity + (action - 1) * 0.001 - Math.cos(3 * this.#position) * 0.0025;
    const velocity = Math.min(Math.max(pushed, -maxSpeed), maxSpeed);
    const moved = this.#position + velocity;
    this.#position = Math.min(Math.max(moved, minPosition), maxPosition);
    this.#velocity = this.#position === minPosition && velocity < 0 ? 0 : velocity;
    const terminated = this.#position >= goal && this.#velocity >= this.#goalVelocity;
    return { observation: this.#observe(), reward: -1, terminated, truncated: false, info: noInfo };
  }

  override render(): Frame | string | null {
    const scene = { position: this.#position, goal };
    return this.renderMode === null ? null : drawMountainCar(scene, this.renderMode);
  }

  #observe(): Float32Array {
    return Float32Array.of(this.#position, this.#velocity);
  }
}
