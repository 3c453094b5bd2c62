import { ConfigError } from "../../base/errors.ts";
import type { Pcg64 } from "../../base/pcg64.ts";
import { requireChoice, requireInRange } from "../../optim/checks.ts";
import { GaussianNoise, OrnsteinUhlenbeckNoise } from "../../rl/noise.ts";
import type { ActionNoise } from "../../rl/noise.ts";
import type { Rows } from "../../rl/transitions.ts";
import { requireSchedule, scheduleAt } from "./schedule.ts";
import type { Schedule } from "./schedule.ts";

/** Noise on actions, which lie in [-1, 1] here whatever the bounds of the space are. */
export interface ActionNoiseSettings {
  /**
   * `gaussian` draws anew at each step; `ornsteinUhlenbeck` drifts: $x ← x - θ x\,dt + σ \sqrt{dt}\,ε$,
   * which reaches goals that need a long push in one direction.
   */
  readonly kind: "gaussian" | "ornsteinUhlenbeck";
  readonly sigma: Schedule;
  /** Pull back to zero. @defaultValue 0.15 */
  readonly theta?: number;
  /** Time step. Stable-Baselines3 has 1e-2: the same name, a much slower drift. @defaultValue 1 */
  readonly dt?: number;
}

/** @throws {ConfigError} if there is no such noise. */
export function requireActionNoise(owner: string, noise: ActionNoiseSettings): void {
  if (typeof noise !== "object") {
    throw new ConfigError(
      `${owner}: actionNoise must be null or like { kind: "gaussian", sigma: 0.1 }, got ` +
        String(noise),
    );
  }
  requireChoice(owner, "actionNoise.kind", noise.kind, ["gaussian", "ornsteinUhlenbeck"]);
  requireSchedule(owner, "actionNoise.sigma", noise.sigma, { min: 0, below: Infinity });
  requireInRange(owner, "actionNoise.theta", noise.theta ?? 0, { min: 0, below: Infinity });
  requireInRange(owner, "actionNoise.dt", noise.dt ?? 1, { above: 0, below: Infinity });
}

/** Noise of its own for each environment, so that what drifts in one does not in another. */
export class ExplorationNoise {
  readonly #settings: ActionNoiseSettings;
  readonly #size: number;
  readonly #random: Pcg64;
  readonly #processes: ActionNoise[] = [];
  #sigma: number;

  /** @param size - numbers of an action. */
  constructor(settings: ActionNoiseSettings, size: number, random: Pcg64) {
    this.#settings = settings;
    this.#size = size;
    this.#random = random;
    this.#sigma = scheduleAt(settings.sigma, 0);
  }

  /** The strength in force. */
  get sigma(): number {
    return this.#sigma;
  }

  setProgress(done: number): void {
    this.#sigma = scheduleAt(this.#settings.sigma, done);
  }

  /** Actions with noise, limited to [-1, 1]: one row for each environment. A new array. */
  addTo(actions: Rows): Rows {
    const noisy = actions.slice();
    for (let at = 0; at < noisy.length; at += this.#size) {
      const noise = this.#process(at / this.#size).sample();
      for (let i = 0; i < this.#size; i++) {
        noisy[at + i] = Math.min(Math.max(noisy[at + i] + this.#sigma * noise[i], -1), 1);
      }
    }
    return noisy;
  }

  /** An episode of environment `index` ended: its noise starts anew. */
  reset(index: number): void {
    this.#processes[index]?.reset();
  }

  /** One state for each environment, as JSON. */
  state(): unknown[] {
    return this.#processes.map((process) => process.state());
  }

  loadState(states: readonly unknown[]): void {
    states.forEach((state, i) => this.#process(i).loadState(state as never));
  }

  /** Unit processes: the strength is applied outside, so that it may move. */
  #process(index: number): ActionNoise {
    const { kind, theta = 0.15, dt = 1 } = this.#settings;
    const common = { size: this.#size, sigma: 1, random: this.#random };
    while (this.#processes.length <= index) {
      this.#processes.push(
        kind === "gaussian"
          ? new GaussianNoise(common)
          : new OrnsteinUhlenbeckNoise({ ...common, theta, dt }),
      );
    }
    return this.#processes[index];
  }
}
