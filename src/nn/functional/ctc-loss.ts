import { ConfigError, ShapeError } from "../../base/errors.ts";
import { arange, full, tensor } from "../../tensor/factories.ts";
import { cat, stack, where } from "../../tensor/functions.ts";
import type { Reduction } from "../../tensor/ops/loss.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { recur } from "./recurrence.ts";

/** Options of {@link ctcLoss}. */
export interface CtcLossOptions {
  /** Number of the blank class. @defaultValue 0 */
  readonly blank?: number | undefined;
  /** The mean divides each loss by its target's length first. @defaultValue "mean" */
  readonly reduction?: Reduction | undefined;
  /** Makes the losses of targets that do not fit their input 0, and their gradients. */
  readonly zeroInfinity?: boolean | undefined;
}

/** Lengths of the sequences of a batch: i32 [N], or numbers. */
export type Lengths = Tensor | readonly number[] | number;

/** Logarithm of no probability: finite, so that differences and gradients stay numbers. */
const impossible = -1e30;

function asLengths(lengths: Lengths, batch: number, name: string, { device }: Tensor): Tensor {
  const list = typeof lengths === "number" ? [lengths] : lengths;
  const given = list instanceof Tensor ? list : tensor(list, { dtype: "i32", device });
  if (given.numel !== batch) {
    throw new ShapeError(
      `ctcLoss: ${name} must be [${batch}], one per sequence, got ${given.numel}`,
    );
  }
  return given.int().reshape([batch]);
}

/** Longest target, as far as it is known without reading tensors. */
function longestTarget(targets: Tensor, lengths: Lengths): number {
  const width = targets.shape[targets.ndim - 1];
  if (lengths instanceof Tensor) return width;
  return Math.min(width, Math.max(0, ...[lengths].flat()));
}

/** The targets as [N, S], from rows or from one after the other. */
function alignTargets(targets: Tensor, lengths: Tensor, batch: number, longest: number): Tensor {
  if (targets.ndim === 2) {
    if (targets.shape[0] !== batch) {
      throw new ShapeError(
        `ctcLoss: targets must be [${batch}, S] or concatenated, got [${targets.shape.join(", ")}]`,
      );
    }
    return targets.int().narrow(1, 0, longest);
  }
  const starts = lengths.cumsum(0).sub(lengths).unsqueeze(1);
  const places = starts.add(arange(longest, { device: targets.device }).unsqueeze(0));
  const last = Math.max(targets.numel - 1, 0);
  return targets
    .int()
    .indexSelect(0, places.clamp({ min: 0, max: last }).flatten())
    .reshape([batch, longest]);
}

/** Targets with a blank before, between and behind: [N, 2S + 1]. */
function withBlanks(targets: Tensor, blank: number): Tensor {
  const [batch, longest] = targets.shape;
  const blanks = (count: number): Tensor =>
    full([batch, count], blank, { dtype: "i32", device: targets.device });
  if (longest === 0) return blanks(1);
  const pairs = stack([blanks(longest), targets], { dim: 2 }).reshape([batch, 2 * longest]);
  return cat([pairs, blanks(1)], { dim: 1 });
}

/** x moved `by` places to the right along dim 1; what comes in is impossible. */
function shift(x: Tensor, by: number): Tensor {
  const width = x.shape[1];
  if (by >= width) return x.mul(0).add(impossible);
  return x.narrow(1, 0, width - by).pad([by, 0], { value: impossible });
}

/** ln Σ eˣ of tensors of one shape; the shift by the maximum is a constant for gradients. */
function logSum(terms: readonly Tensor[]): Tensor {
  const largest = terms.reduce((a, b) => a.maximum(b)).detach();
  const powers = terms.map((x) => x.sub(largest).exp());
  return powers
    .reduce((a, b) => a.add(b))
    .log()
    .add(largest);
}

/** ln P of ending at each place of the extended target after the last step: [N, L]. */
function forwardScores(logs: Tensor, labels: Tensor, lengths: Tensor, blank: number): Tensor {
  const [steps, batch] = logs.shape;
  const width = labels.shape[1];
  const index = labels.unsqueeze(0).expand([steps, batch, width]);
  const emissions = logs.gather(2, index);
  const place = arange(width, { device: logs.device }).unsqueeze(0);
  const twoBack = labels.roll(2, { dims: 1 });
  const canSkip = labels.ne(blank).logicalAnd(labels.ne(twoBack)).logicalAnd(place.ge(2));
  const first = emissions.select(0, 0).where(place.lt(2), impossible);
  if (steps === 1) return first;
  const isInside = arange(steps, { device: logs.device })
    .reshape([steps, 1, 1])
    .lt(lengths.reshape([1, batch, 1]));
  const later = steps - 1;
  const { state } = recur(
    ([scores], [emission, counts]) => {
      const skipped = shift(scores, 2).where(canSkip, impossible);
      const next = logSum([scores, shift(scores, 1), skipped]).add(emission);
      const kept = next.where(counts, scores);
      return { state: [kept], result: kept };
    },
    [first],
    [emissions.narrow(0, 1, later), isInside.narrow(0, 1, later)],
  );
  return state[0];
}

/** Losses [N]; infinite ones are found by their size. */
function sequenceLosses(
  logs: Tensor,
  targets: Tensor,
  ends: Tensor,
  sizes: Tensor,
  blank: number,
): Tensor {
  const labels = withBlanks(targets, blank).clamp({ min: 0, max: logs.shape[2] - 1 });
  const scores = forwardScores(logs, labels, ends, blank);
  const last = sizes.mul(2).unsqueeze(1); // the blank behind the target
  const onBlank = scores.gather(1, last).squeeze({ dim: 1 });
  const onLabel = scores.gather(1, last.sub(1).clamp({ min: 0 })).squeeze({ dim: 1 });
  const ending = logSum([onBlank, onLabel.where(sizes.gt(0), impossible)]).neg();
  // Without any step only the empty target is possible, and certain.
  const none = where(sizes.eq(0), ending.mul(0), -impossible);
  return where(ends.eq(0), none, ending);
}

/**
 * Connectionist temporal classification: −ln of the summed probability of all alignments of a
 * target to log-probabilities, by dynamic programming over logarithms.
 *
 * Gradients are torch's, which take the input for a result of logSoftmax.
 * Shapes: logProbs [T, N, C] or [T, C]; targets [N, S] or concatenated [Σ targetLengths] ([S] without
 * a batch); lengths [N] -> [] or, without reduction, [N]. Lengths given as numbers keep the program
 * as small as the longest target.
 * @see Graves et al. 2006, "Connectionist Temporal Classification"
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Lengths,
  targetLengths: Lengths,
  { blank = 0, reduction = "mean", zeroInfinity = false }: CtcLossOptions = {},
): Tensor {
  const isBatched = logProbs.ndim === 3;
  if ((!isBatched && logProbs.ndim !== 2) || logProbs.shape[0] === 0) {
    throw new ShapeError(
      `ctcLoss: logProbs must be [T, N, C] or [T, C], got [${logProbs.shape.join(", ")}]`,
    );
  }
  const logs = isBatched ? logProbs : logProbs.unsqueeze(1);
  const [steps, batch, classes] = logs.shape;
  if (!(blank >= 0 && blank < classes)) {
    throw new ConfigError(`ctcLoss: blank must be in 0 … ${classes - 1}, got ${blank}`);
  }
  const x = logs.dtype === "f64" ? logs : logs.float();
  const ends = asLengths(inputLengths, batch, "inputLengths", logs);
  const sizes = asLengths(targetLengths, batch, "targetLengths", logs);
  const rows = alignTargets(targets, sizes, batch, longestTarget(targets, targetLengths));
  const raw = sequenceLosses(x, rows, ends, sizes, blank);
  const isInfinite = raw.gt(-impossible / 10);
  // Adds nothing but the gradient exp(logProbs) inside of each sequence.
  const isInside = arange(steps, { device: x.device }).reshape([steps, 1]).lt(ends.unsqueeze(0));
  const mass = x.exp().sum({ dim: 2 }).where(isInside, 0).sum({ dim: 0 });
  const torchLike = raw.add(mass.sub(mass.detach()));
  const finite = torchLike.where(isInfinite.logicalNot(), zeroInfinity ? 0 : Infinity);
  const result = reduceLosses(finite, sizes, reduction).to(logProbs.dtype);
  return isBatched || reduction !== "none" ? result : result.reshape([]);
}

function reduceLosses(losses: Tensor, sizes: Tensor, reduction: Reduction): Tensor {
  if (reduction === "none") return losses;
  if (reduction === "sum") return losses.sum();
  return losses.div(sizes.clamp({ min: 1 }).to(losses.dtype)).mean();
}
