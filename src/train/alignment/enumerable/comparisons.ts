import { ConfigError } from "../../../base/errors.ts";
import { HostRandom } from "../../../base/host-random.ts";

/** Labelled pairs of outcomes, by number. */
export interface Comparisons {
  readonly chosen: Int32Array;
  readonly rejected: Int32Array;
}

/**
 * Draws pairs of different outcomes, all equally often, and the one that wins with the probability at
 * [i · n + j] of a table such as `bradleyTerry`'s.
 */
export function sampleComparisons(
  probabilities: ArrayLike<number>,
  count: number,
  seed: number,
): Comparisons {
  const n = outcomesOf("sampleComparisons", probabilities);
  const random = new HostRandom(seed);
  const [chosen, rejected] = [new Int32Array(count), new Int32Array(count)];
  for (let k = 0; k < count; k++) {
    const i = random.integer(n);
    const j = (i + 1 + random.integer(n - 1)) % n;
    const wins = random.uniform() < probabilities[i * n + j];
    [chosen[k], rejected[k]] = wins ? [i, j] : [j, i];
  }
  return { chosen, rejected };
}

/** Comparisons as a table of how often i won over j, at [i · outcomes + j]. */
export function countWins({ chosen, rejected }: Comparisons, outcomes: number): Float64Array {
  const wins = new Float64Array(outcomes * outcomes);
  chosen.forEach((i, k) => (wins[i * outcomes + rejected[k]] += 1));
  return wins;
}

/** Accuracy of rewards on labelled pairs; a tie is half right. */
export function accuracyOf(rewards: ArrayLike<number>, { chosen, rejected }: Comparisons): number {
  let right = 0;
  chosen.forEach((i, k) => (right += (Math.sign(rewards[i] - rewards[rejected[k]]) + 1) / 2));
  return right / chosen.length;
}

/**
 * The best accuracy there is on labels drawn from known probabilities: the mean of max(p, 1 − p) over
 * the pairs.
 */
export function bayesAccuracy(
  probabilities: ArrayLike<number>,
  { chosen, rejected }: Comparisons,
): number {
  const n = outcomesOf("bayesAccuracy", probabilities);
  let sum = 0;
  chosen.forEach((i, k) => {
    const p = probabilities[i * n + rejected[k]];
    sum += Math.max(p, 1 - p);
  });
  return sum / chosen.length;
}

/** A bin of predictions. */
export interface CalibrationBin {
  /** Mean of the probabilities it holds. */
  readonly predicted: number;
  /** How often what they predicted came true. */
  readonly observed: number;
  readonly count: number;
}

/** How far predicted probabilities can be believed. */
export interface Calibration {
  /** Expected calibration error: mean over predictions of |predicted − observed| of their bins. */
  readonly ece: number;
  /** Bins of equal width that hold something, from the lowest on. */
  readonly bins: readonly CalibrationBin[];
}

/**
 * Calibration of the probabilities σ(r_i − r_j) that rewards give to comparisons. Each pair is asked
 * both ways round, so that the bins lie symmetrically around one half.
 */
export function rewardCalibration(
  rewards: ArrayLike<number>,
  { chosen, rejected }: Comparisons,
  binCount = 10,
): Calibration {
  const sums = Array.from({ length: binCount }, () => ({ predicted: 0, observed: 0, count: 0 }));
  const put = (lead: number, cameTrue: number): void => {
    const p = 1 / (1 + Math.exp(-lead));
    const bin = sums[Math.min(binCount - 1, Math.floor(p * binCount))];
    bin.predicted += p;
    bin.observed += cameTrue;
    bin.count++;
  };
  chosen.forEach((i, k) => {
    const lead = rewards[i] - rewards[rejected[k]];
    put(lead, 1);
    put(-lead, 0);
  });
  const bins = sums
    .filter(({ count }) => count > 0)
    .map(({ predicted, observed, count }) => ({
      predicted: predicted / count,
      observed: observed / count,
      count,
    }));
  const total = 2 * chosen.length;
  const gaps = bins.map((bin) => Math.abs(bin.predicted - bin.observed) * bin.count);
  return { ece: gaps.reduce((sum, gap) => sum + gap, 0) / total, bins };
}

function outcomesOf(what: string, probabilities: ArrayLike<number>): number {
  const n = Math.round(Math.sqrt(probabilities.length));
  if (n >= 2 && n * n === probabilities.length) return n;
  throw new ConfigError(
    `${what}: probabilities must be a table of at least 2 × 2 outcomes, got ` +
      `${probabilities.length} numbers; pass bradleyTerry(rewards)`,
  );
}
