import { ConfigError, ShapeError } from "../../../base/errors.ts";

/** What KL-regularised reward maximisation leads to. */
export interface OptimalPolicy {
  /** log π* of each outcome. */
  readonly logProbs: Float64Array;
  /** log Z; β log Z is the best objective there is. */
  readonly logPartition: number;
}

/**
 * The policy that maximises $E_π[r] - β\,KL(π‖π_{ref})$ over outcomes that can be enumerated:
 * $π^* = π_{ref}\, e^{r/β} / Z$.
 *
 * @throws {ConfigError} if β is not above 0; {ShapeError} if rewards are more or fewer.
 */
export function optimalPolicy(
  referenceLogProbs: ArrayLike<number>,
  rewards: ArrayLike<number>,
  beta: number,
): OptimalPolicy {
  if (!(beta > 0)) throw new ConfigError(`optimalPolicy: beta must be above 0, got ${beta}`);
  requireAlike("optimalPolicy", referenceLogProbs, rewards);
  const scores = Float64Array.from(referenceLogProbs, (value, i) => value + rewards[i] / beta);
  const logPartition = logSumExp(scores);
  return { logProbs: scores.map((score) => score - logPartition), logPartition };
}

/** KL(p‖q) in nats of two policies, from log-probabilities of all outcomes. */
export function exactKl(p: ArrayLike<number>, q: ArrayLike<number>): number {
  requireAlike("exactKl", p, q);
  return sum(p, (logProb, i) => Math.exp(logProb) * (logProb - q[i]));
}

/** $E_π[r] - β\,KL(π‖π_{ref})$ from log-probabilities of all outcomes. */
export function regularisedObjective(
  logProbs: ArrayLike<number>,
  referenceLogProbs: ArrayLike<number>,
  rewards: ArrayLike<number>,
  beta: number,
): number {
  requireAlike("regularisedObjective", logProbs, rewards);
  const reward = sum(logProbs, (logProb, i) => Math.exp(logProb) * rewards[i]);
  return reward - beta * exactKl(logProbs, referenceLogProbs);
}

/** Bradley-Terry: probability σ(r_i − r_j) that i is preferred to j, at [i · n + j]. */
export function bradleyTerry(rewards: ArrayLike<number>): Float64Array {
  const n = rewards.length;
  return Float64Array.from({ length: n * n }, (_, k) => {
    const lead = rewards[Math.floor(k / n)] - rewards[k % n];
    return 1 / (1 + Math.exp(-lead));
  });
}

/**
 * How often each outcome wins against one drawn at random from all, itself included: what IPO takes in
 * place of the reward. Its best policy is `optimalPolicy(reference, winRates(p), beta)`.
 */
export function winRates(probabilities: ArrayLike<number>): Float64Array {
  const n = Math.round(Math.sqrt(probabilities.length));
  return Float64Array.from({ length: n }, (_, i) => {
    let total = 0;
    for (let j = 0; j < n; j++) total += probabilities[i * n + j];
    return total / n;
  });
}

/** The same labels, of which a share is wrong. */
export function flipLabels(probabilities: Float64Array, share: number): Float64Array {
  return probabilities.map((p) => (1 - share) * p + share * (1 - p));
}

/** Implied rewards β(log π − log π_ref) without their mean: only differences of them mean anything. */
export function impliedRewards(
  logProbs: ArrayLike<number>,
  referenceLogProbs: ArrayLike<number>,
  beta: number,
): Float64Array {
  requireAlike("impliedRewards", logProbs, referenceLogProbs);
  return centred(Float64Array.from(logProbs, (value, i) => beta * (value - referenceLogProbs[i])));
}

/** How far rewards are from known ones, over all pairs of outcomes. */
export interface DifferenceErrors {
  /** Root of the mean squared error of differences, relative to that of the known differences. */
  readonly relative: number;
  /** Largest error of a difference, relative to the largest known difference. */
  readonly worst: number;
}

/** Errors of *differences* of rewards: what labels of pairs determine. */
export function differenceErrors(
  rewards: ArrayLike<number>,
  known: ArrayLike<number>,
): DifferenceErrors {
  requireAlike("differenceErrors", rewards, known);
  const [found, right] = [centred(rewards), centred(known)];
  const errors = found.map((value, i) => value - right[i]);
  const norm = (x: Float64Array): number => Math.sqrt(sum(x, (value) => value * value));
  const spread = (x: Float64Array): number => Math.max(...x) - Math.min(...x);
  return { relative: norm(errors) / norm(right), worst: spread(errors) / spread(right) };
}

/** Values minus their mean. */
export function centred(values: ArrayLike<number>): Float64Array {
  const mean = sum(values, (value) => value) / values.length;
  return Float64Array.from(values, (value) => value - mean);
}

function logSumExp(values: Float64Array): number {
  const top = Math.max(...values);
  return top + Math.log(sum(values, (value) => Math.exp(value - top)));
}

function sum(values: ArrayLike<number>, term: (value: number, i: number) => number): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += term(values[i], i);
  return total;
}

function requireAlike(what: string, a: ArrayLike<number>, b: ArrayLike<number>): void {
  if (a.length === b.length && a.length > 0) return;
  throw new ShapeError(`${what}: needs one number per outcome, got ${a.length} and ${b.length}`);
}
