import { ConfigError, ShapeError } from "../base/errors.ts";
import { stack } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Options of {@link padSequence}. */
export interface PadSequenceOptions {
  /** Whether the result is [N, T, …] instead of [T, N, …]. @defaultValue false */
  readonly batchFirst?: boolean;
  /** @defaultValue 0 */
  readonly paddingValue?: number;
  /** Where sequences grow. @defaultValue "right" */
  readonly paddingSide?: "left" | "right";
}

/**
 * Stacks sequences [length, …] of different lengths, padded to the longest: [T, N, …].
 * @throws {ShapeError} if they differ in other dims.
 * @example
 * const padded = nn.padSequence([tensor([1, 2, 3]), tensor([4])], { batchFirst: true });
 */
export function padSequence(
  sequences: readonly Tensor[],
  { batchFirst = false, paddingValue = 0, paddingSide = "right" }: PadSequenceOptions = {},
): Tensor {
  const [first] = sequences;
  if (first === undefined)
    throw new ConfigError("padSequence: needs at least one sequence, got none");
  const rest = first.shape.slice(1).join();
  if (sequences.some((x) => x.ndim === 0 || x.shape.slice(1).join() !== rest)) {
    const shapes = sequences.map((x) => `[${x.shape.join(", ")}]`).join(", ");
    throw new ShapeError(`padSequence: sequences must agree in all dims but 0, got ${shapes}`);
  }
  const longest = Math.max(...sequences.map((x) => x.shape[0]));
  const padded = sequences.map((x) => {
    const missing = longest - x.shape[0];
    if (missing === 0) return x;
    const ends = paddingSide === "left" ? [missing, 0] : [0, missing];
    const others = Array.from({ length: 2 * (x.ndim - 1) }, () => 0);
    return x.pad([...others, ...ends], { value: paddingValue });
  });
  return stack(padded, { dim: batchFirst ? 0 : 1 });
}

/** Undoes {@link padSequence}: the first `lengths[n]` elements of each sequence. */
export function unpadSequence(
  padded: Tensor,
  lengths: readonly number[],
  { batchFirst = false }: Pick<PadSequenceOptions, "batchFirst"> = {},
): Tensor[] {
  const rows = batchFirst ? padded : padded.transpose(0, 1);
  if (lengths.length !== rows.shape[0]) {
    throw new ShapeError(
      `unpadSequence: lengths must be [${rows.shape[0]}], one per sequence, got ${lengths.length}`,
    );
  }
  return lengths.map((length, i) => rows.select(0, i).narrow(0, 0, length));
}
