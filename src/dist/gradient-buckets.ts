import type { DType } from "../ir/dtype.ts";
import { dtypeBytes } from "../ir/dtype.ts";
import { cat } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Tensors of one dtype that travel together, by their positions in a list. */
export interface Bucket {
  readonly dtype: DType;
  readonly positions: readonly number[];
}

/** What decides about buckets. */
type Sized = Pick<Tensor, "dtype" | "numel">;

/**
 * Groups tensors of one dtype until a group has so many bytes. From the last one on: gradients of
 * what is used last are known first.
 */
export function planBuckets(tensors: readonly Sized[], capBytes: number): Bucket[] {
  const buckets: { dtype: DType; positions: number[] }[] = [];
  const open = new Map<DType, { bucket: (typeof buckets)[number]; bytes: number }>();
  for (let position = tensors.length - 1; position >= 0; position--) {
    const { dtype, numel } = tensors[position];
    const bytes = numel * dtypeBytes(dtype);
    const last = open.get(dtype);
    if (last !== undefined && last.bytes + bytes <= capBytes) {
      last.bucket.positions.push(position);
      last.bytes += bytes;
      continue;
    }
    const bucket = { dtype, positions: [position] };
    buckets.push(bucket);
    open.set(dtype, { bucket, bytes });
  }
  return buckets;
}

/** The tensors of each bucket as one vector. */
export function flatten(buckets: readonly Bucket[], tensors: readonly Tensor[]): Tensor[] {
  return buckets.map(({ positions }) =>
    cat(positions.map((position) => tensors[position].reshape([-1]))),
  );
}

/** The vectors of `flatten` as a list of tensors with the shapes of `like`. */
export function unflatten(
  buckets: readonly Bucket[],
  vectors: readonly Tensor[],
  like: readonly Pick<Tensor, "numel" | "shape">[],
): Tensor[] {
  const tensors: Tensor[] = [];
  buckets.forEach(({ positions }, bucket) => {
    let start = 0;
    for (const position of positions) {
      const { numel, shape } = like[position];
      tensors[position] = vectors[bucket].narrow(0, start, numel).reshape([...shape]);
      start += numel;
    }
  });
  return tensors;
}
