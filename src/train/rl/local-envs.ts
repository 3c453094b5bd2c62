import { AthanorError, ConfigError } from "../../base/errors.ts";
import { Pcg64 } from "../../base/pcg64.ts";
import type { Pcg64State, Seed } from "../../base/pcg64.ts";
import type { Env } from "../../rl/env.ts";
import type { Space } from "../../rl/space.ts";
import type { Rows } from "../../rl/transitions.ts";
import type { EndedEpisode, EnvState, EnvStepper, SteppedEnvs } from "./env-stepper.ts";
import { loadWrapperStates, statefulWrappers, withFrozenStatistics } from "./wrapper-states.ts";
import { actionReader, rowSize, writeObservation } from "./space-rows.ts";

/** Steps of an episode whose actions are kept, so that it can be played again. */
const replayableSteps = 20_000;

/** An environment, its present episode, and how to get there again. */
class LocalEnv {
  readonly env: Env;
  /** The present observation. */
  readonly observation: Float32Array;
  #random: Pcg64State;
  #actions: number[] = [];
  #steps = 0;

  constructor(env: Env, observationSize: number) {
    this.env = env;
    this.observation = new Float32Array(observationSize);
    this.#random = env.unwrapped.random.state();
  }

  reset(seed?: Seed): void {
    const { env } = this;
    if (seed !== undefined) env.unwrapped.random = new Pcg64(seed);
    this.#random = env.unwrapped.random.state();
    this.#actions = [];
    this.#steps = 0;
    const { observation } = env.reset();
    writeObservation(observation, this.observation, 0);
    requireFinite(this, null, 0);
  }

  /** Remembers an action that was taken. */
  took(action: Float32Array): void {
    this.#steps++;
    if (this.#steps <= replayableSteps) for (const value of action) this.#actions.push(value);
  }

  get steps(): number {
    return this.#steps;
  }

  state(): EnvState {
    return {
      random: this.#random,
      actions: this.#steps > replayableSteps ? null : [...this.#actions],
      observation: [...this.observation],
      wrappers: statefulWrappers(this.env).map((wrapper) => wrapper.state()),
    };
  }

  /** Plays an episode again. @returns whether it led to the same observation. */
  resume(state: EnvState, step: (action: Float32Array) => boolean, actionSize: number): boolean {
    const { env } = this;
    let isSame = state.actions !== null;
    const actions = Float32Array.from(state.actions ?? []);
    env.unwrapped.random = Pcg64.fromState(state.random);
    loadWrapperStates(env, state.wrappers);
    // With the statistics of the last observation, that one comes out as it did.
    withFrozenStatistics(env, () => {
      this.reset();
      for (let at = 0; at < actions.length && isSame; at += actionSize) {
        isSame = step(actions.subarray(at, at + actionSize));
      }
    });
    loadWrapperStates(env, state.wrappers);
    return isSame && state.observation.every((value, i) => Object.is(value, this.observation[i]));
  }
}

/** Environments of this thread, each stepped by a call; a new episode begins as soon as one ends. */
export class LocalEnvs implements EnvStepper {
  readonly envId: string;
  readonly observationSpace: Space<unknown>;
  readonly actionSpace: Space<unknown>;
  readonly envs: readonly Env[];
  readonly #envs: readonly LocalEnv[];
  readonly #observationSize: number;
  readonly #actionSize: number;
  readonly #readAction: (rows: Rows, index: number) => unknown;

  /** @throws {ConfigError} if there is none, or their spaces differ. */
  constructor(envs: readonly Env[]) {
    if (envs.length === 0) {
      throw new ConfigError("learn: there must be at least one environment, got none");
    }
    const [first] = envs;
    this.envId = envName(first);
    this.observationSpace = first.observationSpace;
    this.actionSpace = first.actionSpace;
    requireSameSpaces(envs);
    this.#observationSize = rowSize(first.observationSpace, "observation");
    this.#actionSize = rowSize(first.actionSpace, "action");
    this.#readAction = actionReader(first.actionSpace);
    this.envs = envs;
    this.#envs = envs.map((env) => new LocalEnv(env, this.#observationSize));
  }

  get count(): number {
    return this.#envs.length;
  }

  begin(seed: Seed | undefined): Rows {
    for (const [i, local] of this.#envs.entries()) {
      local.reset(seed === undefined ? undefined : BigInt(seed) + BigInt(i));
    }
    return this.#observations();
  }

  step(actions: Rows): SteppedEnvs {
    const count = this.#envs.length;
    const size = this.#observationSize;
    const transitions = {
      count,
      observations: this.#observations(),
      actions,
      rewards: new Float32Array(count),
      nextObservations: new Float32Array(count * size),
      terminated: new Uint8Array(count),
      truncated: new Uint8Array(count),
    };
    const ended: EndedEpisode[] = [];
    for (const [i, local] of this.#envs.entries()) {
      const { reward, terminated, truncated, info } = this.#stepOne(local, actions, i);
      transitions.rewards[i] = reward;
      transitions.nextObservations.set(local.observation, i * size);
      transitions.terminated[i] = terminated ? 1 : 0;
      transitions.truncated[i] = truncated ? 1 : 0;
      if (!terminated && !truncated) continue;
      ended.push({ index: i, terminated, info });
      local.reset();
    }
    const indices = this.#envs.map((_, i) => i);
    return { transitions, indices, observations: this.#observations(), ended };
  }

  /** The first: evaluations take over its normalisers. */
  get wrapped(): Env {
    return this.envs[0];
  }

  /** None: all are in {@link EnvState}. */
  wrapperStates(): readonly unknown[] {
    return [];
  }

  loadWrapperStates(): void {}

  state(): readonly EnvState[] {
    return this.#envs.map((local) => local.state());
  }

  resume(states: readonly EnvState[]): Rows | null {
    let isSame = true;
    for (const [i, local] of this.#envs.entries()) {
      const play = (action: Float32Array): boolean => {
        const { terminated, truncated } = this.#stepOne(local, action, 0);
        return !terminated && !truncated;
      };
      isSame = local.resume(states[i], play, this.#actionSize) && isSame;
    }
    if (isSame) return this.#observations();
    for (const local of this.#envs) local.reset();
    return null;
  }

  close(): void {
    for (const { env } of this.#envs) env.close();
  }

  #stepOne(local: LocalEnv, actions: Rows, index: number): ReturnType<Env["step"]> {
    const size = this.#actionSize;
    const result = local.env.step(this.#readAction(actions, index));
    local.took(actions.subarray(index * size, (index + 1) * size));
    writeObservation(result.observation, local.observation, 0);
    const action = actions.subarray(index * size, (index + 1) * size);
    requireFinite(local, action, result.reward);
    return result;
  }

  #observations(): Rows {
    if (this.#envs.length === 1) return this.#envs[0].observation.slice();
    const rows = new Float32Array(this.#envs.length * this.#observationSize);
    for (const [i, { observation }] of this.#envs.entries()) {
      rows.set(observation, i * this.#observationSize);
    }
    return rows;
  }
}

/** Id of a registered environment, otherwise the name of its class. */
function envName(env: Env): string {
  return env.spec?.id ?? env.unwrapped.spec?.id ?? env.unwrapped.constructor.name;
}

function requireSameSpaces(envs: readonly Env[]): void {
  const [first] = envs;
  for (const [i, env] of envs.entries()) {
    const isSame =
      env.observationSpace.equals(first.observationSpace) &&
      env.actionSpace.equals(first.actionSpace);
    if (isSame) continue;
    throw new ConfigError(
      `learn: all environments must have the same spaces, got ${String(env.observationSpace)} ` +
        `and ${String(env.actionSpace)} at ${i} instead of ${String(first.observationSpace)} and ` +
        `${String(first.actionSpace)}; make them with the same options`,
    );
  }
}

function requireFinite(local: LocalEnv, action: Float32Array | null, reward: number): void {
  const { env, observation, steps } = local;
  const at = observation.findIndex((value) => !Number.isFinite(value));
  if (at < 0 && Number.isFinite(reward)) return;
  throw nonFiniteStep(
    envName(env),
    at < 0 ? `reward ${reward}` : `observation[${at}] = ${observation[at]}`,
    action === null ? "reset" : `step ${steps} of its episode, action [${action.join(", ")}]`,
  );
}

/** What is thrown when an environment shows or pays something that is no number. */
export function nonFiniteStep(env: string, what: string, when: string): AthanorError {
  return new AthanorError(
    "NON_FINITE_STEP",
    `learn: rewards and observations must stay finite, got ${what} of ${env} at ${when}; ` +
      "find it with checkEnv(env), or keep actions in the range the physics can take",
    { details: { env, what, when } },
  );
}
