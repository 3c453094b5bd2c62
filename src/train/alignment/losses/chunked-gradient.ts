import { linear } from "../../../nn/functional/linear.ts";
import type { BackwardRule } from "../../../tensor/custom-vjp.ts";
import { customVjp } from "../../../tensor/custom-vjp.ts";
import { arange, zeros } from "../../../tensor/factories.ts";
import { scan } from "../../../tensor/loops.ts";
import type { Tensor } from "../../../tensor/tensor.ts";

/** Hidden states [count, chunk, C] and labels i32 [count, chunk] of chunks of tokens. */
export interface TokenChunks {
  readonly rows: Tensor;
  readonly labels: Tensor;
}

const rules = new Map<number, (...inputs: Tensor[]) => Tensor>();

/**
 * Log-probabilities [count, chunk] with a gradient that goes from chunk to chunk and adds the head's
 * gradient up, so that the gradients of all logits never exist at a time. (The gradient of a loop
 * would stack them, for one large product.)
 *
 * @param weights - the head's weight [V, C], and its bias [V] if it has one.
 */
export function withChunkedGradient(
  logProbs: Tensor,
  { rows, labels }: TokenChunks,
  weights: readonly Tensor[],
  temperature: number,
): Tensor {
  const rule =
    rules.get(temperature) ??
    customVjp({
      forward: (_rows, _labels, found) => found,
      backward: chunkedBackward(temperature),
    });
  rules.set(temperature, rule);
  return rule(rows, labels, logProbs.detach(), ...weights);
}

const widened = (x: Tensor): Tensor => (x.dtype === "f64" ? x : x.float());

function chunkedBackward(temperature: number): BackwardRule {
  return (gradient, { inputs: [rows, labels, , ...weights] }) => {
    const [weight, bias] = weights as [Tensor, Tensor | undefined];
    const [vocab] = weight.shape;
    const { device } = weight;
    const sums = weights.map((x) => zeros(x.shape, { dtype: widened(x).dtype, device }));
    const classes = arange(vocab, { dtype: "i32", device });
    const step = (
      totals: readonly Tensor[],
      [x, target, slope]: readonly Tensor[],
    ): [readonly Tensor[], Tensor] => {
      const logits = widened(linear(x, weight, bias)).div(temperature);
      const hot = target.unsqueeze(1).eq(classes).to(logits.dtype);
      const scale = slope.div(temperature).maskedFill(target.eq(-100), 0).unsqueeze(1);
      const delta = hot.sub(logits.softmax(-1)).mul(scale).to(x.dtype);
      const parts = [delta.t().matmul(x), delta.sum({ dim: 0 })];
      return [totals.map((total, i) => total.add(widened(parts[i]))), delta.matmul(weight)];
    };
    const { carry, ys } = scan(step, sums, [rows, labels, widened(gradient)]);
    return [ys, null, null, ...carry.map((sum, i) => sum.to(weights[i].dtype))];
  };
}
