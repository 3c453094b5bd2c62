import { ConfigError } from "../base/errors.ts";
import { requireInRange } from "./checks.ts";
import { Scheduler } from "./scheduler.ts";
import type { Schedulable } from "./scheduler.ts";
import { cosine } from "./schedules.ts";

/** Options of {@link OneCycleLR}. */
export interface OneCycleLROptions {
  /** Highest rate, one for all groups or one for each. */
  readonly maxLr: number | readonly number[];
  /** Steps of the cycle; or give `epochs` and `stepsPerEpoch`. */
  readonly totalSteps?: number;
  readonly epochs?: number;
  readonly stepsPerEpoch?: number;
  /** Fraction of the cycle in which the rate rises. @defaultValue 0.3 */
  readonly pctStart?: number;
  /** @defaultValue "cos" */
  readonly annealStrategy?: "cos" | "linear";
  /** The first rate is maxLr / divFactor. @defaultValue 25 */
  readonly divFactor?: number;
  /** The last rate is the first / finalDivFactor. @defaultValue 1e4 */
  readonly finalDivFactor?: number;
  /** Falls as long as it rose, then goes on to the last rate. @defaultValue false */
  readonly threePhase?: boolean;
}

interface Phase {
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

/**
 * One rise to `maxLr` and one fall far below the start: Smith and Topin 2018, "Super-Convergence",
 * https://arxiv.org/abs/1708.07120. The groups' own rates are not used.
 *
 * Differs from PyTorch: momentum is left alone (`cycleMomentum` does not exist).
 */
export class OneCycleLR extends Scheduler {
  readonly totalSteps: number;
  readonly #phases: readonly (readonly Phase[])[];
  readonly #isLinear: boolean;

  /** @throws {ConfigError} if an option is out of range or the number of steps is unknown. */
  constructor(optimizer: Schedulable, options: OneCycleLROptions) {
    super(optimizer);
    const { maxLr, annealStrategy = "cos" } = options;
    this.totalSteps = countSteps(options);
    this.#isLinear = annealStrategy === "linear";
    const groups = optimizer.paramGroups;
    const maxima = typeof maxLr === "number" ? groups.map(() => maxLr) : maxLr;
    if (maxima.length !== groups.length) {
      throw new ConfigError(
        `OneCycleLR: one maxLr per group is needed, got ${maxima.length} for ${groups.length} groups`,
      );
    }
    this.#phases = maxima.map((max) => planPhases(max, this.totalSteps, options));
    this.stepTo(0);
  }

  /** @throws {ConfigError} past the end of the cycle. */
  lrAt(epoch: number, groupIndex: number): number {
    if (epoch >= this.totalSteps) {
      throw new ConfigError(
        `OneCycleLR: the cycle has ${this.totalSteps} steps, got step ${epoch}; raise totalSteps`,
      );
    }
    let start = 0;
    const phases = this.#phases[groupIndex];
    const phase = phases.find(({ end }, i) => {
      if (epoch <= end || i === phases.length - 1) return true;
      start = end;
      return false;
    });
    if (phase === undefined) return 0;
    const progress = (epoch - start) / (phase.end - start);
    if (this.#isLinear) return phase.from + (phase.to - phase.from) * progress;
    return cosine(phase.from, phase.to, progress);
  }
}

function countSteps({ totalSteps, epochs, stepsPerEpoch }: OneCycleLROptions): number {
  const steps =
    totalSteps ??
    (epochs !== undefined && stepsPerEpoch !== undefined ? epochs * stepsPerEpoch : Number.NaN);
  return requireInRange("OneCycleLR", "totalSteps (or epochs · stepsPerEpoch)", steps, {
    min: 1,
    isInteger: true,
  });
}

function planPhases(
  max: number,
  totalSteps: number,
  { pctStart = 0.3, divFactor = 25, finalDivFactor = 1e4, threePhase = false }: OneCycleLROptions,
): readonly Phase[] {
  requireInRange("OneCycleLR", "maxLr", max, { min: 0 });
  requireInRange("OneCycleLR", "pctStart", pctStart, { min: 0, max: 1 });
  requireInRange("OneCycleLR", "divFactor", divFactor, { above: 0 });
  requireInRange("OneCycleLR", "finalDivFactor", finalDivFactor, { above: 0 });
  const first = max / divFactor;
  const last = first / finalDivFactor;
  const peak = pctStart * totalSteps - 1;
  if (!threePhase) {
    return [
      { end: peak, from: first, to: max },
      { end: totalSteps - 1, from: max, to: last },
    ];
  }
  return [
    { end: peak, from: first, to: max },
    { end: 2 * pctStart * totalSteps - 2, from: max, to: first },
    { end: totalSteps - 1, from: first, to: last },
  ];
}
