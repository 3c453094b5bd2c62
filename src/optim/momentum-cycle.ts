import { ConfigError } from "../base/errors.ts";
import { requireInRange } from "./checks.ts";
import type { Schedulable } from "./scheduler.ts";
import { perGroup } from "./scheduler.ts";

/** Options of schedules that cycle momentum against the rate. */
export interface MomentumOptions {
  /**
   * Whether momentum (of Adam and its kin: the first of betas) falls while the rate rises. Needs an
   * optimizer that has some. @defaultValue true
   */
  readonly cycleMomentum?: boolean;
  /** Momentum at the highest rate, one for all groups or one for each. */
  readonly baseMomentum?: number | readonly number[];
  /** Momentum at the lowest rate, one for all groups or one for each. */
  readonly maxMomentum?: number | readonly number[];
}

/** Lowest and highest momentum of each group. */
export interface MomentumCycle {
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** The momenta to cycle between; undefined if they stay. @throws {ConfigError} */
export function planMomentum(
  owner: string,
  optimizer: Schedulable,
  { cycleMomentum = true, baseMomentum, maxMomentum }: MomentumOptions,
  [lowest, highest]: readonly [number, number],
): MomentumCycle | undefined {
  if (!cycleMomentum) return undefined;
  if (optimizer.paramGroups.some(({ momentum }) => momentum === undefined || momentum === 0)) {
    throw new ConfigError(
      `${owner}: cycleMomentum needs an optimizer with momentum or betas; make it with momentum, or ` +
        "pass cycleMomentum: false",
    );
  }
  const low = perGroup(owner, "baseMomentum", baseMomentum ?? lowest, optimizer);
  const high = perGroup(owner, "maxMomentum", maxMomentum ?? highest, optimizer);
  for (const value of [...low, ...high]) {
    requireInRange(owner, "baseMomentum and maxMomentum", value, { min: 0, below: 1 });
  }
  return { low, high };
}
