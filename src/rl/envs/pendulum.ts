import { requireNumbers } from "../action-check.ts";
import { Box } from "../box.ts";
import { drawPendulum } from "../drawing/pendulum.ts";
import { Env } from "../env.ts";
import type { Reset, ResetOptions, Step } from "../env.ts";
import type { Frame, RenderMode } from "../frame.ts";
import { noInfo } from "../no-info.ts";
import { requireFinite, requireKnownNames } from "../option-names.ts";

const maxSpeed = 8;
const maxTorque = 2;
const dt = 0.05;
const turn = 2 * Math.PI;
// 0.001 as NumPy rounds it before it multiplies the f32 torque.
const torqueCost = Math.fround(0.001);

/** The angle's place in [-π, π). */
function normalized(angle: number): number {
  const rest = (angle + Math.PI) % turn;
  return (rest < 0 ? rest + turn : rest) - Math.PI;
}

/** Options of {@link Pendulum}. */
export interface PendulumOptions {
  /** Acceleration of gravity; 10 without it. */
  readonly g?: number;
  readonly renderMode?: RenderMode | null;
}

/**
 * `Pendulum-v1`: swing a rod up with less torque than its weight needs, and hold it there.
 *
 * Observation f32 [cos θ, sin θ, θ'], θ = 0 upright; action f32 [torque] within ±2 (clipped);
 * reward -(θ² + 0.1 θ'² + 0.001 torque²) with θ in [-π, π), so it lies in [-16.27, 0]. It never
 * ends by itself; the registered task is cut after 200 steps.
 *
 * `reset({ options: { xInit, yInit } })` sets the bounds of the start's angle (π) and speed (1).
 *
 * @see Gymnasium's classic control environments, `Pendulum-v1`.
 */
export class Pendulum extends Env<Float32Array, Float32Array> {
  readonly observationSpace: Box = new Box([-1, -1, -maxSpeed], [1, 1, maxSpeed]);
  readonly actionSpace: Box = new Box(-maxTorque, maxTorque);
  override readonly renderModes: readonly RenderMode[] = ["rgb_array", "ansi"];
  override readonly renderFps: number = 30;
  readonly #gravity: number;
  #angle = 0;
  #sin = 0;
  #speed = 0;
  /** The torque of the last step, for the picture. */
  #torque: number | null = null;

  /** @throws {ConfigError} if an option is unknown or not finite. */
  constructor(options: PendulumOptions = {}) {
    super();
    requireKnownNames("Pendulum", options, ["g", "renderMode"]);
    this.#gravity = requireFinite("Pendulum", "g", options.g ?? 10);
    this.renderMode = options.renderMode ?? null;
  }

  /** Angle from upright, and its speed. */
  get state(): readonly [angle: number, speed: number] {
    return [this.#angle, this.#speed];
  }

  reset(options?: ResetOptions): Reset<Float32Array> {
    this.begin(options);
    const bounds = options?.options ?? {};
    requireKnownNames("Pendulum.reset", bounds, ["xInit", "yInit"]);
    const angle = requireFinite("Pendulum.reset", "xInit", bounds["xInit"] ?? Math.PI);
    const speed = requireFinite("Pendulum.reset", "yInit", bounds["yInit"] ?? 1);
    this.#angle = this.random.uniform(-angle, angle);
    this.#speed = this.random.uniform(-speed, speed);
    this.#torque = null;
    return { observation: this.#observe(), info: {} };
  }

  step(action: Float32Array): Step<Float32Array> {
    requireNumbers("Pendulum", action, 1);
    const torque = Math.fround(Math.min(Math.max(action[0], -maxTorque), maxTorque));
    const angle = normalized(this.#angle);
    const speed = this.#speed;
    const effort = Math.fround(Math.fround(torque * torque) * torqueCost);
    const cost = angle * angle + 0.1 * (speed * speed) + effort;
    const push = Math.fround(3 * torque);
    const next = speed + (((3 * this.#gravity) / 2) * this.#sin + push) * dt;
    this.#speed = Math.min(Math.max(next, -maxSpeed), maxSpeed);
    this.#angle += this.#speed * dt;
    this.#torque = torque;
    return {
      observation: this.#observe(),
      reward: -cost,
      terminated: false,
      truncated: false,
      info: noInfo,
    };
  }

  override render(): Frame | string | null {
    const scene = { angle: this.#angle, torque: this.#torque ?? 0 };
    return this.renderMode === null ? null : drawPendulum(scene, this.renderMode);
  }

  #observe(): Float32Array {
    const observation = new Float32Array(3);
    this.#sin = Math.sin(this.#angle);
    observation[0] = Math.cos(this.#angle);
    observation[1] = this.#sin;
    observation[2] = this.#speed;
    return observation;
  }
}
