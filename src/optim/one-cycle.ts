import { ConfigError } from "../base/errors.ts";
import { requireChoice, requireInRange } from "./checks.ts";
import type { MomentumCycle, MomentumOptions } from "./momentum-cycle.ts";
import { planMomentum } from "./momentum-cycle.ts";
import { Scheduler, perGroup } from "./scheduler.ts";
import type { Schedulable } from "./scheduler.ts";
import { cosine } from "./schedules.ts";

/** Options of {@link OneCycleLR}. */
export interface OneCycleLROptions extends MomentumOptions {
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
  /** Whether the momentum is the lowest at the start and at the end. */
  readonly fromLow: boolean;
  readonly toLow: boolean;
}

/**
 * One rise to `maxLr` and one fall far below the start: Smith and Topin 2018, "Super-Convergence",
 * https://arxiv.org/abs/1708.07120. The groups' own rates are not used. Momentum falls from
 * `maxMomentum` (0.95) to `baseMomentum` (0.85) while the rate rises, and back.
 */
export class OneCycleLR extends Scheduler {
  readonly totalSteps: number;
  readonly #phases: readonly (readonly Phase[])[];
  readonly #isLinear: boolean;
  readonly #momentum: MomentumCycle | undefined;

  /** @throws {ConfigError} if an option is out of range or the number of steps is unknown. */
  constructor(optimizer: Schedulable, options: OneCycleLROptions) {
    super(optimizer);
    const { maxLr, annealStrategy = "cos" } = options;
    this.totalSteps = countSteps(options);
    this.#isLinear =
      requireChoice("OneCycleLR", "annealStrategy", annealStrategy, ["cos", "linear"]) === "linear";
    const maxima = perGroup("OneCycleLR", "maxLr", maxLr, optimizer);
    this.#phases = maxima.map((max) => planPhases(max, this.totalSteps, options));
    this.#momentum = planMomentum("OneCycleLR", optimizer, options, [0.85, 0.95]);
    this.stepTo(0);
  }

  /** @throws {ConfigError} past the end of the cycle. */
  lrAt(epoch: number, groupIndex: number): number {
    const { phase, progress } = this.#placeOf(epoch, groupIndex);
    return this.#between(phase.from, phase.to, progress);
  }

  override momentumAt(epoch: number, groupIndex: number): number | undefined {
    if (this.#momentum === undefined) return undefined;
    const { phase, progress } = this.#placeOf(epoch, groupIndex);
    const [low, high] = [this.#momentum.low[groupIndex], this.#momentum.high[groupIndex]];
    const at = (isLow: boolean): number => (isLow ? low : high);
    return this.#between(at(phase.fromLow), at(phase.toLow), progress);
  }

  #placeOf(epoch: number, groupIndex: number): { phase: Phase; progress: number } {
    // One step more than there are rates, where the last one stays: loops step after the last batch
    // too, and PyTorch's formula goes below zero there.
    if (epoch > this.totalSteps) {
      throw new ConfigError(
        `OneCycleLR: the cycle has ${this.totalSteps} steps, got step ${epoch}; raise totalSteps`,
      );
    }
    const phases = this.#phases[groupIndex];
    const found = phases.findIndex(({ end }) => epoch <= end);
    const index = found === -1 ? phases.length - 1 : found;
    const [phase, start] = [phases[index], index === 0 ? 0 : phases[index - 1].end];
    return { phase, progress: Math.min(1, (epoch - start) / (phase.end - start)) };
  }

  #between(from: number, to: number, progress: number): number {
    return this.#isLinear ? from + (to - from) * progress : cosine(from, to, progress);
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
  const rise = { end: peak, from: first, to: max, fromLow: false, toLow: true };
  const end = totalSteps - 1;
  if (!threePhase) return [rise, { end, from: max, to: last, fromLow: true, toLow: false }];
  return [
    rise,
    { end: 2 * peak, from: max, to: first, fromLow: true, toLow: false },
    { end, from: first, to: last, fromLow: false, toLow: false },
  ];
}
