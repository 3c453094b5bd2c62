import type { Learner } from "./learner.ts";

/** The discount an algorithm was made with; undefined where it does not say. */
export function discountOf({ options }: Learner): number | undefined {
  const { gamma } = options;
  return typeof gamma === "number" ? gamma : undefined;
}

/** How far, in parts of the range of possible values, a mean may lie above the bound by chance. */
const tolerance = 0.05;

/** What is compared. */
export interface CriticFigures {
  readonly algorithm: string;
  /** Mean Q of the last batch. */
  readonly q: number;
  readonly gamma: number;
  /** Smallest and largest reward that was seen. */
  readonly rewardRange: readonly [lowest: number, highest: number];
  /** Mean discounted return of the last episodes; NaN if there is none. */
  readonly observed: number;
}

/**
 * Says so if the critic promises more than any policy can get: a sum of rewards discounted by γ
 * cannot exceed r_max / (1 − γ), or 0 where an episode can end before rewards below it. SAC's values
 * contain entropy and have no such bound.
 *
 * @see van Hasselt et al. 2016, "Deep Reinforcement Learning with Double Q-learning".
 */
export function overestimationWarning(figures: CriticFigures): string | null {
  const { algorithm, q, gamma, rewardRange, observed } = figures;
  const [lowest, highest] = rewardRange;
  if (algorithm === "sac" || gamma >= 1 || !Number.isFinite(highest)) return null;
  const bound = Math.max(highest, 0) / (1 - gamma);
  const range = Math.max(bound - Math.min(lowest, 0) / (1 - gamma), Number.MIN_VALUE);
  if (!(q > bound + tolerance * range)) return null;
  const seen = Number.isFinite(observed) ? ` (episodes brought ${round(observed)})` : "";
  return (
    `the critic overestimates: mean Q ${round(q)} exceeds r_max / (1 - gamma) = ${round(bound)}, ` +
    `which no policy can get${seen}; lower the critic's learning rate, or use td3`
  );
}

const round = (value: number): number => Number(value.toPrecision(4));
