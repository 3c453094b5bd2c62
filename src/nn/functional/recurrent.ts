import type { Tensor } from "../../tensor/tensor.ts";
import { lowered } from "./apply.ts";
import { linear } from "./linear.ts";
import { recur } from "./recurrence.ts";

/** Which equations a recurrent layer follows. */
export type CellKind = "tanh" | "relu" | "lstm" | "gru";

/** How many rows of hiddenSize the weights of a cell have. */
export const gateCount: Readonly<Record<CellKind, number>> = { tanh: 1, relu: 1, lstm: 4, gru: 3 };

/** Weights of one layer and direction, as torch stacks them: i f g o (LSTM), r z n (GRU). */
export interface CellWeights {
  readonly weightIh: Tensor;
  readonly weightHh: Tensor;
  readonly biasIh: Tensor | null;
  readonly biasHh: Tensor | null;
  /** Projection of the LSTM's hidden state. */
  readonly weightHr: Tensor | null;
}

/** The weights as autocast has factors of products: a whole cell computes in the region's dtype. */
export function loweredWeights(weights: CellWeights): CellWeights {
  const { weightIh, weightHh, biasIh, biasHh, weightHr } = weights;
  const optional = (x: Tensor | null): Tensor | null => (x === null ? null : lowered(x));
  return {
    weightIh: lowered(weightIh),
    weightHh: lowered(weightHh),
    biasIh: optional(biasIh),
    biasHh: optional(biasHh),
    weightHr: optional(weightHr),
  };
}

/** The state after one step: [h], or [h, c] for an LSTM. `projected` is x · weightIhᵀ + biasIh. */
export function advance(
  kind: CellKind,
  projected: Tensor,
  state: readonly Tensor[],
  { weightHh, biasHh, weightHr }: CellWeights,
): Tensor[] {
  const [h] = state;
  const recurrent = linear(h, weightHh, biasHh);
  if (kind === "tanh") return [projected.add(recurrent).tanh()];
  if (kind === "relu") return [projected.add(recurrent).relu()];
  if (kind === "gru") {
    const [xr, xz, xn] = projected.chunk(3, { dim: -1 });
    const [hr, hz, hn] = recurrent.chunk(3, { dim: -1 });
    const update = xz.add(hz).sigmoid();
    const candidate = xn.add(xr.add(hr).sigmoid().mul(hn)).tanh();
    return [candidate.add(update.mul(h.sub(candidate)))];
  }
  const [i, f, g, o] = projected.add(recurrent).chunk(4, { dim: -1 });
  const cell = f.sigmoid().mul(state[1]).add(i.sigmoid().mul(g.tanh()));
  const hidden = o.sigmoid().mul(cell.tanh());
  return [weightHr === null ? hidden : linear(hidden, weightHr), cell];
}

/** Where a layer runs and what it skips. */
export interface LayerOptions {
  /** From the last element of each sequence to the first. */
  readonly reverse: boolean;
  /** Bool [T, N, 1], false behind the end of a sequence; all count without it. */
  readonly valid: Tensor | null;
}

/** One layer in one direction over x [T, N, in]: results [T, N, hidden] and the last state. */
export function runLayer(
  kind: CellKind,
  x: Tensor,
  first: readonly Tensor[],
  given: CellWeights,
  { reverse, valid }: LayerOptions,
): { readonly results: Tensor; readonly state: readonly Tensor[] } {
  const weights = loweredWeights(given);
  // One product for all steps; what is left in the loop needs the state.
  const projected = linear(x, weights.weightIh, weights.biasIh);
  const inputs = valid === null ? [projected] : [projected, valid];
  return recur(
    (state, [input, counts]) => {
      const next = advance(kind, input, state, weights);
      if (valid === null) return { state: next, result: next[0] };
      return {
        state: next.map((part, i) => part.where(counts, state[i])),
        result: next[0].where(counts, 0),
      };
    },
    first.map(lowered),
    inputs,
    { reverse },
  );
}
