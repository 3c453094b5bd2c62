import { UsageError } from "../../base/errors.ts";
import type { Seed } from "../../base/pcg64.ts";
import { Discrete } from "../../rl/discrete.ts";
import type { Env } from "../../rl/env.ts";
import type { Space } from "../../rl/space.ts";
import type { Rows } from "../../rl/transitions.ts";
import { rowsOf, transitionsOf } from "../../rl/vector/transitions-of.ts";
import type { VectorReset, VectorStep } from "../../rl/vector/vector-env.ts";
import { finalInfoKey, infoOf } from "../../rl/vector/vector-info.ts";
import type { EndedEpisode, EnvStepper, SteppedEnvs } from "./env-stepper.ts";
import type { LearnVectorEnv } from "./learn-vector-env.ts";
import { nonFiniteStep } from "./local-envs.ts";
import { rowSize } from "./space-rows.ts";
import { loadWrapperStates, statefulWrappersOfAll } from "./wrapper-states.ts";

/** A vector environment behind what the loop needs, in any of the three modes of resetting. */
export class VectorStepper implements EnvStepper {
  readonly count: number;
  readonly envId: string;
  readonly observationSpace: Space<unknown>;
  readonly actionSpace: Space<unknown>;
  readonly envs: readonly Env[] = [];
  readonly wrapped: LearnVectorEnv;
  readonly #env: LearnVectorEnv;
  readonly #start: number;
  readonly #observationSize: number;
  readonly #actionSize: number;
  #before: VectorReset | VectorStep | null = null;

  constructor(env: LearnVectorEnv) {
    this.wrapped = env;
    this.#env = env;
    this.count = env.numEnvs;
    this.envId = env.spec?.id ?? env.constructor.name;
    this.observationSpace = env.singleObservationSpace;
    this.actionSpace = env.singleActionSpace;
    this.#start = this.actionSpace instanceof Discrete ? this.actionSpace.start : 0;
    this.#observationSize = rowSize(this.observationSpace, "observation");
    this.#actionSize = rowSize(this.actionSpace, "action");
  }

  begin(seed: Seed | undefined): Rows | Promise<Rows> {
    const options = seed === undefined ? {} : { seed };
    const env = this.#env;
    if (env.resetSync !== undefined) return this.#began(env.resetSync(options));
    return env.reset(options).then((result) => this.#began(result));
  }

  step(actions: Rows): SteppedEnvs | Promise<SteppedEnvs> {
    const env = this.#env;
    const given = this.#start === 0 ? actions : actions.map((index) => index + this.#start);
    if (env.stepSync !== undefined) return this.#stepped(actions, env.stepSync(given));
    return env.step(given).then((result) => this.#stepped(actions, result));
  }

  /** Null: what lives behind the vector cannot be played again from here. */
  state(): null {
    return null;
  }

  resume(): null {
    return null;
  }

  wrapperStates(): readonly unknown[] {
    return statefulWrappersOfAll(this.#env).map((wrapper) => wrapper.state());
  }

  loadWrapperStates(states: readonly unknown[]): void {
    loadWrapperStates(this.#env, states);
  }

  close(): Promise<void> {
    return this.#env.close();
  }

  #began(reset: VectorReset): Rows {
    this.#before = reset;
    return rowsOf(this.observationSpace, reset.observations);
  }

  #stepped(actions: Rows, result: VectorStep): SteppedEnvs | Promise<SteppedEnvs> {
    const before = this.#before;
    if (before === null) throw new UsageError("VectorStepper: begin() must come before step()");
    const indices = this.#steppedIndices(before);
    const transitions = transitionsOf(this.#env, before, actions, result);
    this.#requireFinite(transitions.nextObservations, transitions.rewards, indices, actions);
    this.#before = result;
    const ended = this.#endedEpisodes(indices, result);
    const observations = rowsOf(this.observationSpace, result.observations);
    const done = { transitions, indices, observations, ended };
    if (ended.length === 0 || this.#env.autoresetMode !== "Disabled") return done;
    return this.#resetEnded(ended, done);
  }

  /** Environments that took a step, in the order of their transitions. */
  #steppedIndices(before: VectorReset | VectorStep): number[] {
    const all = Array.from({ length: this.count }, (_, i) => i);
    if (this.#env.autoresetMode !== "NextStep" || !("rewards" in before)) return all;
    return all.filter((i) => before.terminated[i] === 0 && before.truncated[i] === 0);
  }

  #endedEpisodes(indices: readonly number[], result: VectorStep): EndedEpisode[] {
    const { terminated, truncated, infos } = result;
    const facts = this.#env.autoresetMode === "SameStep" ? infos[finalInfoKey] : infos;
    return indices
      .filter((i) => (terminated[i] | truncated[i]) === 1)
      .map((i) => ({ index: i, terminated: terminated[i] === 1, info: infoOf(facts, i) }));
  }

  #resetEnded(
    ended: readonly EndedEpisode[],
    done: SteppedEnvs,
  ): SteppedEnvs | Promise<SteppedEnvs> {
    const env = this.#env;
    const resetMask = new Uint8Array(this.count);
    for (const { index } of ended) resetMask[index] = 1;
    const finish = (reset: VectorReset): SteppedEnvs => ({
      ...done,
      observations: this.#began(reset),
    });
    if (env.resetSync !== undefined) return finish(env.resetSync({ resetMask }));
    return env.reset({ resetMask }).then(finish);
  }

  #requireFinite(
    observations: Rows,
    rewards: Float32Array,
    indices: readonly number[],
    actions: Rows,
  ): void {
    const refuse = (row: number, what: string): never => {
      const [size, index] = [this.#actionSize, indices[row]];
      const action = actions.subarray(index * size, (index + 1) * size).join(", ");
      throw nonFiniteStep(`${this.envId} ${index}`, what, `a step with action [${action}]`);
    };
    for (const [row, reward] of rewards.entries()) {
      if (!Number.isFinite(reward)) refuse(row, `reward ${reward}`);
    }
    const at = observations.findIndex((value) => !Number.isFinite(value));
    if (at < 0) return;
    const size = this.#observationSize;
    refuse(Math.floor(at / size), `observation[${at % size}] = ${observations[at]}`);
  }
}
