import { product } from "../base/integers.ts";
import { ShapeError } from "../base/errors.ts";
import type { HostData } from "../tensor/host.ts";
import { naturalDType } from "../tensor/host.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** An array on the host that a loader can cut and stack without a device: data, shape, dtype. */
export interface HostTensor {
  readonly data: HostData;
  readonly shape: readonly number[];
  readonly dtype: Tensor["dtype"];
}

/**
 * Describes a typed array as a host tensor; nothing is copied.
 *
 * @param shape - defaults to one dim.
 * @throws {ShapeError} if the shape does not hold all elements.
 */
export function hostTensor(
  data: HostData,
  shape: readonly number[] = [data.length],
  options: { readonly dtype?: Tensor["dtype"] } = {},
): HostTensor {
  const { dtype = naturalDType(data) } = options;
  if (product(shape) !== data.length) {
    throw new ShapeError(
      `hostTensor: shape must hold all elements, got ${data.length} for [${shape.join(", ")}]`,
    );
  }
  return { data, shape, dtype };
}

/** Row `index` along the first dim, as a view of the same memory. */
export function rowOf(tensor: HostTensor, index: number): HostTensor {
  const shape = tensor.shape.slice(1);
  const size = product(shape);
  const data = tensor.data.subarray(index * size, (index + 1) * size);
  return { data, shape, dtype: tensor.dtype };
}
