import { ConfigError } from "../../base/errors.ts";
import { requireAction, requireNumbers } from "../action-check.ts";
import { Box } from "../box.ts";
import type { Env, Reset, ResetOptions, Step } from "../env.ts";
import { describeValue, dtypeOf } from "../space-array.ts";
import type { SpaceArray } from "../space-array.ts";
import { nameOf, Wrapper } from "./wrapper.ts";

/** Where a value has a number that is NaN or infinite, and which. */
interface NotFinite {
  readonly place: string;
  readonly value: number;
}

/** The first number that is NaN or infinite in an array, or in the parts of an object. */
function firstNotFinite(value: unknown): NotFinite | null {
  if (dtypeOf(value) !== null) return firstInArray(value as SpaceArray);
  if (typeof value !== "object" || value === null) return null;
  for (const [name, part] of Object.entries(value)) {
    const found = firstNotFinite(part);
    if (found !== null) return { place: `${found.place} of ${name}`, value: found.value };
  }
  return null;
}

function firstInArray(values: SpaceArray): NotFinite | null {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) return { place: `element ${i}`, value: values[i] };
  }
  return null;
}

/**
 * Looks at what goes in and comes out: actions that are malformed, and rewards or observations
 * that are not finite, are refused at every step; the types of everything an environment returns
 * at its first reset and first step.
 */
export class PassiveEnvChecker<Observation, Action> extends Wrapper<Observation, Action> {
  #steps = 0;
  #hasStepped = false;
  #hasReset = false;

  /** @throws {ConfigError} if the environment lacks a space. */
  constructor(env: Env<Observation, Action>) {
    super(env);
    for (const name of ["observationSpace", "actionSpace"] as const) {
      if (typeof (env[name] as { sample?: unknown } | undefined)?.sample !== "function") {
        throw new ConfigError(
          `${nameOf(env)}: ${name} must be a space, got ${describeValue(env[name])}; ` +
            `write readonly ${name} = new Box(low, high) in the class`,
        );
      }
    }
  }

  override reset(options?: ResetOptions): Reset<Observation> {
    const result = this.env.reset(options);
    this.#steps = 0;
    if (!this.#hasReset) this.#checkReset(result);
    this.#hasReset = true;
    this.#requireFiniteObservation(result.observation, null);
    return result;
  }

  override step(action: Action): Step<Observation> {
    this.#checkAction(action);
    const result = this.env.step(action);
    this.#steps++;
    if (!this.#hasStepped) this.#checkStep(result);
    this.#hasStepped = true;
    if (!Number.isFinite(result.reward)) {
      throw this.#failure("reward must be a finite number", result.reward, action);
    }
    this.#requireFiniteObservation(result.observation, action);
    return result;
  }

  #checkAction(action: Action): void {
    const space = this.actionSpace as unknown;
    if (space instanceof Box) {
      requireNumbers(nameOf(this), action as ArrayLike<number>, space.size);
    } else requireAction(nameOf(this), action, this.actionSpace);
  }

  #requireFiniteObservation(observation: Observation, action: Action | null): void {
    const found = firstNotFinite(observation);
    if (found === null) return;
    throw this.#failure(`observation must be finite at ${found.place}`, found.value, action);
  }

  #checkReset(result: Reset<Observation>): void {
    const isObject = typeof result === "object" && result !== null;
    if (!isObject || !("observation" in result) || !isPlainObject(result.info)) {
      throw new ConfigError(
        `${nameOf(this)}: reset must return { observation, info }, got ${describeValue(result)}`,
      );
    }
    this.#requireMember(result.observation, "reset");
  }

  #checkStep(result: Step<Observation>): void {
    const isWell =
      typeof result === "object" &&
      result !== null &&
      typeof result.reward === "number" &&
      typeof result.terminated === "boolean" &&
      typeof result.truncated === "boolean" &&
      isPlainObject(result.info);
    if (!isWell) {
      throw new ConfigError(
        `${nameOf(this)}: step must return { observation, reward: number, terminated: boolean, ` +
          `truncated: boolean, info: object }, got ${describeMembers(result)}`,
      );
    }
    this.#requireMember(result.observation, "step");
  }

  #requireMember(observation: Observation, call: string): void {
    const problem = this.observationSpace.whyNot(observation);
    if (problem === null) return;
    throw new ConfigError(
      `${nameOf(this)}: the observation of ${call} is not in ${String(this.observationSpace)}: ` +
        `it ${problem}; correct the space or the observation`,
    );
  }

  #failure(rule: string, value: unknown, action: Action | null): ConfigError {
    const last = action === null ? "after reset" : `after the action ${describeValue(action)}`;
    return new ConfigError(
      `${nameOf(this)}: ${rule}, got ${describeValue(value)} at step ${this.#steps} ${last}; ` +
        "the environment has diverged",
      { details: { env: nameOf(this), step: this.#steps, action } },
    );
  }
}

function isPlainObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describeMembers(value: unknown): string {
  if (!isPlainObject(value)) return describeValue(value);
  const members = Object.entries(value as object).map(([name, part]) => `${name}: ${typeof part}`);
  return `{ ${members.join(", ")} }`;
}
