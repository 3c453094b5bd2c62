import { ConfigError, ShapeError } from "../../../base/errors.ts";
import { formatShape } from "../../../ir/shape.ts";
import { crossEntropy } from "../../../nn/functional/loss.ts";
import { linear } from "../../../nn/functional/linear.ts";
import { checkpoint } from "../../../tensor/checkpoint.ts";
import { scan } from "../../../tensor/loops.ts";
import { Tensor } from "../../../tensor/tensor.ts";
import type { TokenChunks } from "./chunked-gradient.ts";
import { withChunkedGradient } from "./chunked-gradient.ts";

/**
 * What turns hidden states [N, C] into logits [N, V]: a classifier's weight [V, C], a layer with such
 * a weight (and a bias), or a function such as `(hidden) => model.logits(hidden)`, which is the one to
 * take for models that cap their logits.
 */
export type LogitsHead =
  | Tensor
  | { readonly weight: Tensor; readonly bias?: Tensor | null | undefined }
  | ((hidden: Tensor) => Tensor);

/** Options of {@link tokenLogProbs}. */
export interface TokenLogProbsOptions {
  /**
   * Tokens whose logits exist at a time: more are taken in turn, in a loop, so that the memory of a
   * pass without gradients (of a reference, of the policy that sampled) does not grow with the batch.
   * The backward pass computes logits again: chunk by chunk for a weight or a layer; for a function as
   * head, the gradient of all logits exists at a time. @defaultValue all at once
   */
  readonly chunkSize?: number | undefined;
  /** Divides the logits, as sampling at that temperature does. @defaultValue 1 */
  readonly temperature?: number | undefined;
}

/** What logits say of the tokens that follow; all of the labels' shape. */
export interface TokenStatistics {
  /** Log-probability of the label, 0 where it is −100. */
  readonly logProbs: Tensor;
  /** Entropy of the distribution. No gradient flows into it. */
  readonly entropies: Tensor;
  /** Whether the label is the most probable token, as 1 and 0. */
  readonly hits: Tensor;
  /** Mean of the logits. No gradient flows into it. */
  readonly meanLogits: Tensor;
  /** $\log \sum_v p_v^2$, which WPO's weights subtract. No gradient flows into it. */
  readonly logCollisions: Tensor;
}

/**
 * Log-probabilities of the next tokens, f32 (f64 of f64): $\log p(\text{labels} | \text{hidden})$, 0 where the label
 * is −100. Logits take memory once: their gradient takes their place.
 *
 * Shapes: hidden [..., C], labels i32 [...] -> [...].
 *
 * @param labels - the tokens that follow: position t of a sequence has token t + 1 as its label.
 * @throws {ShapeError} if labels do not have hidden's shape without its last dim; {ConfigError} for a
 *   chunk of less than one token or a temperature that is not positive.
 * @example
 * const hidden = model.hidden({ inputIds }).narrow(1, 0, length - 1);
 * const logProbs = tokenLogProbs(hidden, (x) => model.logits(x), inputIds.narrow(1, 1, length - 1));
 */
export function tokenLogProbs(
  hidden: Tensor,
  head: LogitsHead,
  labels: Tensor,
  options: TokenLogProbsOptions = {},
): Tensor {
  return tokenStatistics(hidden, head, labels, options).logProbs;
}

/**
 * {@link tokenLogProbs} with what trainers report beside it, from the same logits. Only what is read
 * later is computed.
 */
export function tokenStatistics(
  hidden: Tensor,
  head: LogitsHead,
  labels: Tensor,
  { chunkSize, temperature = 1 }: TokenLogProbsOptions = {},
): TokenStatistics {
  requireLabels(hidden, labels);
  if (!(temperature > 0)) {
    throw new ConfigError(
      `tokenLogProbs: temperature must be above 0, got ${temperature}; write 1 for none`,
    );
  }
  const rows = hidden.reshape([labels.numel, hidden.shape[hidden.ndim - 1]]);
  const targets = labels.reshape([labels.numel]);
  const of = (x: Tensor, t: Tensor): TokenStatistics => {
    const logits = applyHead(head, x);
    return logitsStatistics(temperature === 1 ? logits : logits.div(temperature), t);
  };
  const found =
    chunkSize === undefined
      ? of(rows, targets)
      : inChunks(rows, targets, chunkSize, of, (logProbs, chunks) => {
          const weights = weightsOf(head);
          if (weights === undefined) return logProbs;
          return withChunkedGradient(logProbs, chunks, weights, temperature);
        });
  return mapStatistics((name) => found[name].reshape(labels.shape));
}

/** {@link tokenStatistics} of logits that exist already. Shapes: logits [N, V], labels i32 [N] -> [N]. */
export function logitsStatistics(logits: Tensor, labels: Tensor): TokenStatistics {
  const wide = logits.dtype === "f64" ? logits : logits.float();
  const still = wide.detach();
  const logAll = still.logSoftmax(-1);
  return {
    logProbs: crossEntropy(wide, labels, { reduction: "none" }).neg(),
    entropies: logAll.exp().mul(logAll).sum({ dim: -1 }).neg(),
    hits: still.argmax({ dim: -1 }).eq(labels).to(wide.dtype),
    meanLogits: still.mean({ dim: -1 }),
    logCollisions: logAll.mul(2).logsumexp(-1),
  };
}

const names = ["logProbs", "entropies", "hits", "meanLogits", "logCollisions"] as const;

function mapStatistics(value: (name: keyof TokenStatistics) => Tensor): TokenStatistics {
  return Object.fromEntries(names.map((name) => [name, value(name)])) as unknown as TokenStatistics;
}

function inChunks(
  rows: Tensor,
  labels: Tensor,
  chunkSize: number,
  of: (rows: Tensor, labels: Tensor) => TokenStatistics,
  finish: (logProbs: Tensor, chunks: TokenChunks) => Tensor,
): TokenStatistics {
  if (!Number.isSafeInteger(chunkSize) || chunkSize < 1) {
    throw new ConfigError(
      `tokenLogProbs: chunkSize must be an integer of at least 1, got ${chunkSize}; write 1024`,
    );
  }
  const [length, width] = rows.shape;
  const count = Math.ceil(length / chunkSize);
  const missing = count * chunkSize - length;
  const xs = {
    rows: rows.pad([0, 0, 0, missing]).reshape([count, chunkSize, width]),
    labels: labels.pad([0, missing], { value: -100 }).reshape([count, chunkSize]),
  };
  // Recomputed in the backward pass, so that no chunk's logits wait for it.
  const { ys } = scan(
    (none: readonly Tensor[], x: typeof xs) => [none, checkpoint(of)(x.rows, x.labels)],
    [],
    xs,
  );
  const found = { ...ys, logProbs: finish(ys.logProbs, xs) };
  return mapStatistics((name) => found[name].flatten().narrow(0, 0, length));
}

/** The parameters of a head that is a plain product, without autocast's rounding of them. */
function weightsOf(head: LogitsHead): readonly Tensor[] | undefined {
  if (typeof head === "function") return undefined;
  if (head instanceof Tensor) return [head];
  return head.bias == null ? [head.weight] : [head.weight, head.bias];
}

function applyHead(head: LogitsHead, hidden: Tensor): Tensor {
  if (typeof head === "function") return head(hidden);
  if (head instanceof Tensor) return linear(hidden, head);
  return linear(hidden, head.weight, head.bias ?? undefined);
}

function requireLabels(hidden: Tensor, labels: Tensor): void {
  const expected = hidden.shape.slice(0, -1);
  if (hidden.ndim > 0 && expected.join() === labels.shape.join()) return;
  throw new ShapeError(
    `tokenLogProbs: labels must have hidden's shape without its last dim, got ` +
      `${formatShape(labels.shape)} for hidden ${formatShape(hidden.shape)}; ` +
      "narrow both to the positions that have a next token",
  );
}
