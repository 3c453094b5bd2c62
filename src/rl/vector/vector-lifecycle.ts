import { ConfigError, UsageError } from "../../base/errors.ts";
import type { Space } from "../space.ts";
import type { AutoresetMode } from "./vector-env.ts";

/** @throws {ConfigError} for an unknown mode. */
export function requireMode(caller: string, mode: AutoresetMode): AutoresetMode {
  if (mode === "NextStep" || mode === "SameStep" || mode === "Disabled") return mode;
  throw new ConfigError(
    `${caller}: autoresetMode must be "NextStep", "SameStep" or "Disabled", ` +
      `got ${JSON.stringify(mode)}`,
  );
}

/** @throws {ConfigError} unless the number of environments is a positive integer. */
export function requireNumEnvs(caller: string, numEnvs: number): void {
  if (Number.isInteger(numEnvs) && numEnvs > 0) return;
  throw new ConfigError(`${caller}: numEnvs must be a positive integer, got ${numEnvs}`);
}

/** @throws {ConfigError} if an environment has other spaces than the first. */
export function requireSameSpace(
  caller: string,
  what: string,
  index: number,
  first: Space<unknown>,
  other: Space<unknown>,
): void {
  if (first === other || first.equals(other)) return;
  throw new ConfigError(
    `${caller}: all environments must have the same ${what}, got ${first.toString()} in ` +
      `environment 0 and ${other.toString()} in environment ${index}`,
  );
}

/** Which environments may step: knows about resets, ends and closing. */
export class VectorLifecycle {
  readonly #caller: string;
  readonly #mode: AutoresetMode;
  readonly #wasReset: Uint8Array;
  readonly #hasEnded: Uint8Array;
  #isClosed = false;

  constructor(caller: string, mode: AutoresetMode, count: number) {
    this.#caller = caller;
    this.#mode = mode;
    this.#wasReset = new Uint8Array(count);
    this.#hasEnded = new Uint8Array(count);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  closed(): void {
    this.#isClosed = true;
  }

  requireOpen(): void {
    if (!this.#isClosed) return;
    throw new UsageError(`${this.#caller}: it was closed; make another one`);
  }

  /** @throws {UsageError} if an environment was not reset yet, or, in mode `Disabled`, ended. */
  requireReady(): void {
    this.requireOpen();
    const isStuck = this.#mode === "Disabled" ? this.#hasEnded : null;
    const index = this.#wasReset.findIndex((wasReset, i) => wasReset === 0 || isStuck?.[i] === 1);
    if (index < 0) return;
    throw new UsageError(
      `${this.#caller}: environment ${index} must be reset before it steps; call reset()` +
        (this.#wasReset[index] === 1 ? " with a resetMask of the environments that ended" : ""),
    );
  }

  /**
   * A reset of some environments must leave all of them able to step. In mode `NextStep` those that
   * ended are among them, or the next step would mix their reset with transitions of the others.
   */
  requireResets(mask: Uint8Array): void {
    this.requireOpen();
    const mustReset = this.#mode === "NextStep" ? this.#hasEnded : null;
    const index = mask.findIndex(
      (isReset, i) => isReset === 0 && (this.#wasReset[i] === 0 || mustReset?.[i] === 1),
    );
    if (index < 0) return;
    throw new UsageError(
      `${this.#caller}: environment ${index} must be reset too, it has no episode to go on with; ` +
        "set its entry of resetMask",
    );
  }

  afterReset(mask: Uint8Array): void {
    mask.forEach((isReset, index) => {
      if (isReset === 0) return;
      this.#wasReset[index] = 1;
      this.#hasEnded[index] = 0;
    });
  }

  afterStep(terminated: Uint8Array, truncated: Uint8Array): void {
    for (let i = 0; i < terminated.length; i++) {
      this.#hasEnded[i] = terminated[i] | truncated[i];
    }
  }
}
