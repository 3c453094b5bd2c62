/** A trial of the line search: the step, the loss there, and the loss's slope along the line. */
export interface Trial<G> {
  readonly t: number;
  readonly loss: number;
  readonly slope: number;
  /** What belongs to the trial: the gradient there. */
  readonly gradient: G;
}

/** Settings of {@link strongWolfe}. */
export interface WolfeOptions {
  /** Most evaluations beyond the first. */
  readonly maxSearches: number;
  /** Largest element of the direction. */
  readonly directionSize: number;
  /** An interval that moves no element by more ends the search. @defaultValue 1e-9 */
  readonly toleranceChange?: number;
  /** Sufficient decrease. @defaultValue 1e-4 */
  readonly c1?: number;
  /** Sufficient flattening. @defaultValue 0.9 */
  readonly c2?: number;
}

/** Where the cubic through two points with slopes is lowest, kept inside the bounds. */
function cubicMinimum<G>(
  a: Trial<G>,
  b: Trial<G>,
  [low, high]: readonly [number, number] = [Math.min(a.t, b.t), Math.max(a.t, b.t)],
): number {
  const [left, right] = a.t <= b.t ? [a, b] : [b, a];
  const d1 = left.slope + right.slope - (3 * (left.loss - right.loss)) / (left.t - right.t);
  const square = d1 * d1 - left.slope * right.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const d2 = Math.sqrt(square);
  const share = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2);
  return Math.min(Math.max(right.t - (right.t - left.t) * share, low), high);
}

/**
 * Finds a step along a line where the loss has fallen enough and is flat enough (the strong Wolfe
 * conditions): first an interval that holds one, then ever smaller ones. Returns the best trial and how
 * many evaluations it took.
 * @see Nocedal and Wright 2006, "Numerical Optimization", algorithms 3.5 and 3.6; the order of trials is
 * PyTorch's.
 */
export async function strongWolfe<G>(
  evaluate: (t: number) => Promise<Trial<G>>,
  start: Trial<G>,
  firstStep: number,
  options: WolfeOptions,
): Promise<{ readonly best: Trial<G>; readonly evaluations: number }> {
  const { maxSearches, c1 = 1e-4, c2 = 0.9 } = options;
  const isTooHigh = ({ t, loss }: Trial<G>): boolean => loss > start.loss + c1 * t * start.slope;
  const isFlat = ({ slope }: Trial<G>): boolean => Math.abs(slope) <= -c2 * start.slope;
  let previous = start;
  let current = await evaluate(firstStep);
  let searches = 0;
  let interval: [Trial<G>, Trial<G>] | undefined;
  while (searches < maxSearches && interval === undefined) {
    const hasRisen = searches > 1 && current.loss >= previous.loss;
    if (isTooHigh(current) || hasRisen) interval = [previous, current];
    else if (isFlat(current)) return { best: current, evaluations: searches + 1 };
    else if (current.slope >= 0) interval = [previous, current];
    else {
      const bounds = [current.t + 0.01 * (current.t - previous.t), current.t * 10] as const;
      const next = await evaluate(cubicMinimum(previous, current, bounds));
      [previous, current] = [current, next];
      searches++;
    }
  }
  interval ??= [start, current];
  const zoomed = await zoom(evaluate, interval, searches, { isTooHigh, isFlat }, options);
  return { best: zoomed.best, evaluations: zoomed.searches + 1 };
}

interface Conditions<G> {
  readonly isTooHigh: (trial: Trial<G>) => boolean;
  readonly isFlat: (trial: Trial<G>) => boolean;
}

/** Shrinks an interval around an acceptable step. */
async function zoom<G>(
  evaluate: (t: number) => Promise<Trial<G>>,
  [first, second]: readonly [Trial<G>, Trial<G>],
  searchesBefore: number,
  { isTooHigh, isFlat }: Conditions<G>,
  { maxSearches, directionSize, toleranceChange = 1e-9 }: WolfeOptions,
): Promise<{ readonly best: Trial<G>; readonly searches: number }> {
  let searches = searchesBefore;
  let [best, other] = first.loss <= second.loss ? [first, second] : [second, first];
  let wasNearEdge = false;
  while (searches < maxSearches) {
    const width = Math.abs(best.t - other.t);
    if (width * directionSize < toleranceChange) break;
    const place: Place = placeTrial(best, other, wasNearEdge);
    wasNearEdge = place.isNearEdge;
    const trial = await evaluate(place.t);
    searches++;
    if (isTooHigh(trial) || trial.loss >= best.loss) {
      [best, other] = best.loss <= trial.loss ? [best, trial] : [trial, best];
      continue;
    }
    const isDone = isFlat(trial);
    // The minimum lies between the old best and the trial.
    if (!isDone && trial.slope * (other.t - best.t) >= 0) other = best;
    best = trial;
    if (isDone) break;
  }
  return { best, searches };
}

interface Place {
  readonly t: number;
  readonly isNearEdge: boolean;
}

/** The cubic's minimum, moved off an edge that two trials in a row came close to. */
function placeTrial<G>(best: Trial<G>, other: Trial<G>, wasNearEdge: boolean): Place {
  const [low, high] = [Math.min(best.t, other.t), Math.max(best.t, other.t)];
  const t = cubicMinimum(best, other);
  const margin = 0.1 * (high - low);
  if (Math.min(high - t, t - low) >= margin) return { t, isNearEdge: false };
  if (!wasNearEdge && t < high && t > low) return { t, isNearEdge: true };
  const moved = Math.abs(t - high) < Math.abs(t - low) ? high - margin : low + margin;
  return { t: moved, isNearEdge: false };
}
