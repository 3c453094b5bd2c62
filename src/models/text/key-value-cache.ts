import { ConfigError } from "../../base/errors.ts";
import type { ModuleOptions } from "../../nn/linear.ts";
import { zeros } from "../../tensor/factories.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** Keys and values of one layer, [B, Hkv, length, D] each. */
export interface LayerKeyValues {
  readonly key: Tensor;
  readonly value: Tensor;
}

/** Sizes of a {@link KeyValueCache}. */
export interface KeyValueCacheOptions extends ModuleOptions {
  readonly layers: number;
  readonly batch: number;
  readonly heads: number;
  /** Places for tokens. */
  readonly length: number;
  readonly headDim: number;
}

/** What {@link CausalLM.decode} needs beside the tokens. */
export interface DecodeStep {
  /** Places in the cache that the S tokens take, the same in all rows: i32 [S]. */
  readonly positions: Tensor;
  /** Positions that the model is told, i32 [B, S] or [1, S]: left padding makes them smaller than the places. */
  readonly positionIds: Tensor;
  /** Which places each token sees, its own among them: bool [B, S, length] or [1, S, length]. */
  readonly mask: Tensor;
}

/**
 * The keys and values of all tokens so far: tensors that stay and are written in place, so that a
 * compiled step reads and writes the same memory every time.
 */
export class KeyValueCache implements Disposable {
  readonly layers: readonly LayerKeyValues[];
  readonly batch: number;
  readonly length: number;

  /** @throws {ConfigError} if a size is no positive integer. */
  constructor(options: KeyValueCacheOptions) {
    const { layers, batch, heads, length, headDim, dtype, device } = options;
    for (const [name, size] of Object.entries({ layers, batch, heads, length, headDim })) {
      if (Number.isSafeInteger(size) && size > 0) continue;
      throw new ConfigError(`KeyValueCache: ${name} must be a positive integer, got ${size}`);
    }
    this.batch = batch;
    this.length = length;
    const make = (): Tensor => zeros([batch, heads, length, headDim], { dtype, device });
    this.layers = Array.from({ length: layers }, () => ({ key: make(), value: make() }));
  }

  /**
   * Writes the keys and values [B, Hkv, S, D] of a step at its places, and gives all of the layer back in
   * their dtype.
   */
  write(layer: number, { positions }: DecodeStep, fresh: LayerKeyValues): LayerKeyValues {
    const held = this.layers[layer];
    const put = (to: Tensor, from: Tensor): Tensor => {
      to.assign(to.indexCopy(2, positions, from.to(to.dtype)));
      return to.to(from.dtype);
    };
    return { key: put(held.key, fresh.key), value: put(held.value, fresh.value) };
  }

  /** Frees the memory at once. */
  dispose(): void {
    for (const { key, value } of this.layers) {
      key.dispose();
      value.dispose();
    }
  }

  /** As `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
