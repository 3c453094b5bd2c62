import { ConfigError } from "../../base/errors.ts";
import { Discrete } from "../discrete.ts";
import type { Env } from "../env.ts";
import { requireKnownNames } from "../option-names.ts";
import { requireBoundedBox } from "./box-space.ts";
import { TransformAction } from "./transform-action.ts";

/** Joint actions of which a network can still have one output each. */
const mostActions = 1_000_000;

/** Options of {@link DiscretizeAction}. */
export interface DiscretizeActionOptions {
  /** Values for each dimension, or for each one its own. */
  readonly bins: number | readonly number[];
}

/**
 * One number instead of a vector of forces: each dimension is cut into bins of equal width, of
 * which the middles are taken, and every combination has a number, the first dimension's bin
 * counting most. For algorithms such as DQN that choose among finitely many actions.
 *
 * The number of combinations is bins to the power of the dimensions; above a million it is
 * refused.
 */
export class DiscretizeAction<Observation> extends TransformAction<
  Observation,
  number,
  Float32Array
> {
  /** Bins of each dimension. */
  readonly bins: readonly number[];

  /** @throws {ConfigError} if actions are no Box with finite bounds, or there were too many. */
  constructor(env: Env<Observation>, options: DiscretizeActionOptions) {
    requireKnownNames("DiscretizeAction", options, ["bins"]);
    const { low, high, size } = requireBoundedBox("DiscretizeAction", env.actionSpace);
    const bins = binsOf(options.bins, size);
    const decode = (action: number): Float32Array => {
      const values = new Float32Array(size);
      let rest = action;
      for (let i = size - 1; i >= 0; i--) {
        const bin = rest % bins[i];
        rest = (rest - bin) / bins[i];
        values[i] = low[i] + ((bin + 0.5) * (high[i] - low[i])) / bins[i];
      }
      return values;
    };
    super(env as Env<Observation, Float32Array>, decode, new Discrete(countOf(bins)));
    this.bins = bins;
  }

  /** The forces that an action's number stands for. */
  decode(action: number): Float32Array {
    return this.transformed(action);
  }
}

function binsOf(given: number | readonly number[], size: number): readonly number[] {
  const bins = typeof given === "number" ? Array.from({ length: size }, () => given) : given;
  if (bins.length === size && bins.every((count) => Number.isSafeInteger(count) && count > 0)) {
    return bins;
  }
  throw new ConfigError(
    `DiscretizeAction: bins must be a positive integer, or ${size} of them, got ${String(given)}`,
  );
}

/** The number of combinations. */
function countOf(bins: readonly number[]): number {
  let count = 1n;
  for (const one of bins) count *= BigInt(one);
  if (count <= BigInt(mostActions)) return Number(count);
  const isSame = bins.every((one) => one === bins[0]);
  const product = isSame ? `${bins[0]}^${bins.length}` : bins.join(" × ");
  const digits = count.toString();
  const value =
    digits.length <= 15 ? digits : `${digits[0]}.${digits.slice(1, 3)}e${digits.length - 1}`;
  throw new ConfigError(
    `DiscretizeAction: there must be at most ${mostActions} actions, got ${product} = ${value}; ` +
      "take fewer bins, or an algorithm for continuous actions (DDPG, TD3, SAC)",
  );
}
