import { ConfigError } from "../../base/errors.ts";
import { Box } from "../box.ts";
import type { Env, Reset, ResetOptions, Step } from "../env.ts";
import { flatDim, flattenInto, flattenSpace } from "../flatten.ts";
import type { FlatRow } from "../flatten.ts";
import { requireKnownNames } from "../option-names.ts";
import type { Space } from "../space.ts";
import { nameOf, Wrapper } from "./wrapper.ts";

/** Options of {@link TimeAwareObservation}. */
export interface TimeAwareOptions {
  /** Time in [0, 1] instead of steps. @defaultValue false */
  readonly normalizeTime?: boolean;
}

/**
 * Adds the number of steps taken as the last number of the flattened observation, so that a
 * policy may know how near the time limit is.
 */
export class TimeAwareObservation<Observation, Action> extends Wrapper<
  FlatRow,
  Action,
  Observation,
  Action
> {
  readonly #inner: Space<Observation>;
  readonly #scale: number;
  readonly #isDouble: boolean;
  #steps = 0;

  /** @throws {ConfigError} if the environment has no time limit. */
  constructor(env: Env<Observation, Action>, options: TimeAwareOptions = {}) {
    requireKnownNames("TimeAwareObservation", options, ["normalizeTime"]);
    const limit = env.spec?.maxEpisodeSteps ?? null;
    if (limit === null) {
      throw new ConfigError(
        `TimeAwareObservation: ${nameOf(env)} must have a time limit; wrap it with TimeLimit, ` +
          "or make it with maxEpisodeSteps",
      );
    }
    const flat = flattenSpace(env.observationSpace);
    const isNormal = options.normalizeTime ?? false;
    super(env, { observationSpace: withTime(flat, isNormal ? 1 : limit) });
    this.#inner = env.observationSpace;
    this.#scale = isNormal ? 1 / limit : 1;
    this.#isDouble = flat.dtype === "f64";
  }

  override reset(options?: ResetOptions): Reset<FlatRow> {
    const { observation, info } = this.env.reset(options);
    this.#steps = 0;
    return { observation: this.#row(observation), info };
  }

  override step(action: Action): Step<FlatRow> {
    const step = this.env.step(action);
    this.#steps++;
    return { ...step, observation: this.#row(step.observation) };
  }

  #row(observation: Observation): FlatRow {
    const size = flatDim(this.#inner) + 1;
    const row = this.#isDouble ? new Float64Array(size) : new Float32Array(size);
    flattenInto(this.#inner, observation, row, 0);
    row[size - 1] = this.#steps * this.#scale;
    return row;
  }
}

function withTime(flat: Box<"f32" | "f64">, last: number): Space<FlatRow> {
  return new Box<"f32" | "f64">([...flat.low, 0], [...flat.high, last], {
    dtype: flat.dtype,
  });
}
