import { ConfigError } from "../base/errors.ts";
import { zerosLike } from "../tensor/factories.ts";
import { keep, scope } from "../tensor/memory.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A layer with running statistics, as {@link updateBN} needs it. */
interface Normaliser {
  readonly momentum: number | null;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
  readonly numBatchesTracked: Tensor | null;
}

/** A module tree, as {@link updateBN} needs it. */
export interface ModuleTree {
  readonly training: boolean;
  /** Switches to training, or back. */
  train(mode?: boolean): unknown;
  /** The module and all inside. */
  modules(): Iterable<unknown>;
}

/**
 * Computes the running statistics of all batch normalisations anew, as means over the batches: after
 * averaging weights, those of training no longer fit.
 * @param forward - runs the model on a batch; it may be jitted.
 * @throws {ConfigError} if a layer has momentum 0, with which statistics never move.
 * @example await updateBN(model, loader, ([images]) => model.forward(images));
 */
export async function updateBN<B>(
  model: ModuleTree,
  batches: Iterable<B> | AsyncIterable<B>,
  forward: (batch: B) => Tensor,
): Promise<void> {
  const layers = [...model.modules()].filter(isNormaliser);
  if (layers.some(({ momentum }) => momentum === 0)) {
    throw new ConfigError("updateBN: layers must have a momentum other than 0, or null");
  }
  if (layers.length === 0) return;
  const held = layers.flatMap(({ runningMean, runningVar }) => [runningMean, runningVar]);
  const sums = held.map((statistic) => keep(zerosLike(statistic)));
  const wasTraining = model.training;
  let count = 0;
  model.train(true);
  try {
    for await (const batch of batches) {
      await scope(async () => {
        clear(layers);
        const result = forward(batch);
        for (const [i, sum] of sums.entries()) sum.assign(sum.add(batchStatistic(layers, i)));
        await result.realize();
        await Promise.all(sums.map((sum) => sum.realize()));
      });
      count++;
    }
    if (count === 0) throw new ConfigError("updateBN: at least one batch is needed, got none");
    scope(() => {
      for (const [i, sum] of sums.entries()) held[i].assign(sum.div(count));
      for (const { numBatchesTracked } of layers) numBatchesTracked?.assign(count);
    });
  } finally {
    for (const sum of sums) sum.dispose();
    model.train(wasTraining);
  }
}

/** From 0, the running statistics become momentum times the batch's. */
function clear(layers: readonly Normaliser[]): void {
  for (const { runningMean, runningVar, numBatchesTracked } of layers) {
    for (const statistic of [runningMean, runningVar, numBatchesTracked]) statistic?.assign(0);
  }
}

function batchStatistic(layers: readonly Normaliser[], index: number): Tensor {
  const layer = layers[Math.floor(index / 2)];
  const statistic = index % 2 === 0 ? layer.runningMean : layer.runningVar;
  return statistic.div(layer.momentum ?? 1);
}

function isNormaliser(module: unknown): module is Normaliser {
  if (typeof module !== "object" || module === null) return false;
  const { runningMean, runningVar } = module as Readonly<Record<string, unknown>>;
  return Boolean(runningMean) && Boolean(runningVar) && "momentum" in module;
}
