import { requireAction } from "../action-check.ts";
import { Box } from "../box.ts";
import { Discrete } from "../discrete.ts";
import { drawCartPole } from "../drawing/cart-pole.ts";
import { Env } from "../env.ts";
import type { Reset, ResetOptions, Step } from "../env.ts";
import type { Frame, RenderMode } from "../frame.ts";
import { noInfo } from "../no-info.ts";
import { requireKnownNames, resetBounds } from "../option-names.ts";

const gravity = 9.8;
const poleMass = 0.1;
const totalMass = 1.1;
const halfLength = 0.5;
const poleMassLength = poleMass * halfLength;
const push = 10;
const dt = 0.02;
const maxAngle = (12 * 2 * Math.PI) / 360;
const maxPosition = 2.4;

/** Options of {@link CartPole}. */
export interface CartPoleOptions {
  /** Reward 0 for each step and -1 at the end, instead of 1 for each step. */
  readonly suttonBartoReward?: boolean;
  readonly renderMode?: RenderMode | null;
}

/**
 * `CartPole-v1`: keep a pole upright by pushing its cart left (0) or right (1).
 *
 * Observation f32 [position, speed, angle, angular speed]; reward 1 for each step; terminates when
 * the cart leaves ±2.4 or the pole ±12°. The registered task is cut after 500 steps, and solved at
 * 475.
 *
 * `reset({ options: { low, high } })` sets the bounds of all four start values; ±0.05 without.
 *
 * @see Barto, Sutton and Anderson 1983, "Neuronlike Adaptive Elements That Can Solve Difficult
 *   Learning Control Problems".
 */
export class CartPole extends Env<Float32Array, number> {
  readonly observationSpace: Box = new Box(
    [-maxPosition * 2, -Infinity, -maxAngle * 2, -Infinity],
    [maxPosition * 2, Infinity, maxAngle * 2, Infinity],
  );
  readonly actionSpace: Discrete = new Discrete(2);
  override readonly renderModes: readonly RenderMode[] = ["rgb_array", "ansi"];
  override readonly renderFps: number = 50;
  readonly #hasEndReward: boolean;
  #x = 0;
  #speed = 0;
  #angle = 0;
  #turning = 0;

  /** @throws {ConfigError} if an option is unknown. */
  constructor(options: CartPoleOptions = {}) {
    super();
    requireKnownNames("CartPole", options, ["suttonBartoReward", "renderMode"]);
    this.#hasEndReward = options.suttonBartoReward ?? false;
    this.renderMode = options.renderMode ?? null;
  }

  reset(options?: ResetOptions): Reset<Float32Array> {
    this.begin(options);
    const [low, high] = resetBounds("CartPole", options?.options, -0.05, 0.05);
    this.#x = this.random.uniform(low, high);
    this.#speed = this.random.uniform(low, high);
    this.#angle = this.random.uniform(low, high);
    this.#turning = this.random.uniform(low, high);
    return { observation: this.#observe(), info: {} };
  }

  step(action: number): Step<Float32Array> {
    requireAction("CartPole", action, this.actionSpace);
    this.#move(action === 1 ? push : -push);
    const terminated = Math.abs(this.#x) > maxPosition || Math.abs(this.#angle) > maxAngle;
    const reward = this.#hasEndReward ? -Number(terminated) : 1;
    return { observation: this.#observe(), reward, terminated, truncated: false, info: noInfo };
  }

  override render(): Frame | string | null {
    const scene = { position: this.#x, angle: this.#angle };
    return this.renderMode === null ? null : drawCartPole(scene, this.renderMode);
  }

  /** One step of Euler's method. */
  #move(force: number): void {
    const cos = Math.cos(this.#angle);
    const sin = Math.sin(this.#angle);
    const shared = (force + poleMassLength * (this.#turning * this.#turning) * sin) / totalMass;
    const inertia = halfLength * (4 / 3 - (poleMass * (cos * cos)) / totalMass);
    const turn = (gravity * sin - cos * shared) / inertia;
    const acceleration = shared - (poleMassLength * turn * cos) / totalMass;
    this.#x += dt * this.#speed;
    this.#speed += dt * acceleration;
    this.#angle += dt * this.#turning;
    this.#turning += dt * turn;
  }

  #observe(): Float32Array {
    return Float32Array.of(this.#x, this.#speed, this.#angle, this.#turning);
  }
}
