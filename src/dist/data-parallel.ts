import { ConfigError, DistributedError } from "../base/errors.ts";
import { formatShape } from "../ir/shape.ts";
import { Module } from "../nn/module.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { grad } from "../tensor/grad.ts";
import { jit } from "../tensor/jit.ts";
import { persistent, scope } from "../tensor/memory.ts";
import { realizeSync } from "../tensor/realize.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Bucket } from "./gradient-buckets.ts";
import { flatten, planBuckets, unflatten } from "./gradient-buckets.ts";
import type { ProcessGroup } from "./process-group.ts";
import { worldGroup } from "./world.ts";

/** A module with a forward pass of any form. */
export type ForwardModule = Module & {
  /** Computes the module's result. */
  forward(...args: never[]): unknown;
};

/** Options of {@link DistributedDataParallel}. */
export interface DataParallelOptions {
  /** @defaultValue all processes */
  readonly group?: ProcessGroup;
  /** Most megabytes (MiB) of gradients that travel at once. @defaultValue 25 */
  readonly bucketCapMb?: number;
  /**
   * Whether all ranks take over rank 0's buffers (running statistics) before each training step.
   * @defaultValue true
   */
  readonly broadcastBuffers?: boolean;
}

/** What a step computes: the loss, or the loss beside other tensors. */
export type StepResult = Tensor | { readonly loss: Tensor; readonly [name: string]: unknown };

/** Options of {@link DistributedDataParallel.trainStep}. */
export interface TrainStepOptions {
  /** Changes the averaged gradients before the update, for instance to clip them. */
  readonly transform?: (gradients: readonly Tensor[]) => readonly Tensor[];
  /** Counts parameters that the loss does not depend on as having zero gradients. */
  readonly allowUnused?: boolean;
}

type AnyOptimizer = Pick<Optimizer, "parameters" | "step">;

const bytesPerMb = 2 ** 20;

/**
 * A module of which every process has a copy. Each process computes gradients for its share of the
 * batch; their average updates all copies alike, as if one process had seen the whole batch. Build
 * the module with the same layers everywhere: rank 0's values are what all start from. Its keys in
 * the state dictionary begin with `module.`.
 *
 * @example
 * await initProcessGroup();
 * const model = new DistributedDataParallel(new nn.Linear(4, 1));
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
 * const step = model.trainStep(optimizer, (x: Tensor, y: Tensor) =>
 *   nn.functional.mseLoss(model.forward(x), y),
 * );
 * const loss = await step(x, y);
 */
export class DistributedDataParallel<M extends ForwardModule> extends Module {
  /** The module itself. */
  readonly module: M;
  readonly #group: ProcessGroup;
  readonly #capBytes: number;
  readonly #broadcastsBuffers: boolean;
  #synchronized: Promise<void> | undefined;
  #skipsReduction = false;

  /** @throws {ConfigError} if `bucketCapMb` is not positive; {UsageError} before `initProcessGroup`. */
  constructor(module: M, options: DataParallelOptions = {}) {
    super();
    const { group = worldGroup(), bucketCapMb = 25, broadcastBuffers = true } = options;
    if (!(bucketCapMb > 0)) {
      throw new ConfigError(
        `DistributedDataParallel: bucketCapMb must be above 0, got ${bucketCapMb}`,
      );
    }
    this.module = module;
    this.#group = group;
    this.#capBytes = bucketCapMb * bytesPerMb;
    this.#broadcastsBuffers = broadcastBuffers;
  }

  /** The module's forward pass. */
  forward(...args: Parameters<M["forward"]>): ReturnType<M["forward"]> {
    return this.module.forward(...(args as never[])) as ReturnType<M["forward"]>;
  }

  /**
   * Checks that all ranks have the same parameters, and gives them rank 0's values. The first step
   * or `averageGradients` does it; call it yourself to use the module before.
   * @throws {DistributedError} naming the first parameter that differs.
   */
  synchronize(): Promise<void> {
    this.#synchronized ??= (async () => {
      await this.#requireSameModules();
      await this.#broadcast([...this.module.parameters(), ...this.module.buffers()]);
    })();
    return this.#synchronized;
  }

  /**
   * A compiled training step: gradients of the loss of this process's share of the batch, their
   * average over all processes, and the optimizer's update. `compute` is what would stand in `jit`
   * otherwise, without the update. The promise gives what `compute` returns; losses are those of the
   * own share.
   * @throws from the step: {DistributedError} if a rank is gone; what `compute` throws.
   */
  trainStep<A extends readonly unknown[], R extends StepResult>(
    optimizer: AnyOptimizer,
    compute: (...args: A) => R,
    { transform, allowUnused = false }: TrainStepOptions = {},
  ): (...args: A) => Promise<R> {
    const backward = jit(
      (...args: A) => {
        const result = compute(...args);
        const { parameters } = optimizer;
        const gradients = grad(lossOf(result), parameters, { allowUnused });
        return { result, vectors: flatten(this.#plan(parameters), gradients) };
      },
      { name: "trainStep" },
    );
    const update = jit(
      (vectors: readonly Tensor[]) => {
        const { parameters } = optimizer;
        const gradients = unflatten(this.#plan(parameters), vectors, parameters);
        optimizer.step([...(transform?.(gradients) ?? gradients)]);
      },
      { name: "trainStep's update" },
    );
    let held: readonly Tensor[] = [];
    return async (...args) => {
      await this.synchronize();
      if (this.#broadcastsBuffers && this.training) await this.#broadcast(this.module.buffers());
      const { result, vectors: own } = backward(...args);
      const vectors = addUp(own, held);
      if (this.#skipsReduction) {
        held = vectors;
        return result;
      }
      held = [];
      await this.#average(vectors);
      update(vectors);
      for (const vector of vectors) vector.dispose();
      return result;
    };
  }

  /**
   * Averages gradients over all ranks, for loops that build their own step: between a jitted function
   * that computes them and one that calls the optimizer.
   * @returns new tensors of the same shapes, on all ranks alike.
   */
  async averageGradients(gradients: readonly Tensor[]): Promise<Tensor[]> {
    await this.synchronize();
    const buckets = this.#plan(gradients);
    const vectors = persistent(() => flatten(buckets, gradients));
    await this.#average(vectors);
    const averaged = unflatten(buckets, vectors, gradients);
    for (const vector of vectors) vector.dispose();
    return averaged;
  }

  /**
   * Steps inside `run` only add up their gradients; the first step after it averages the sum and
   * updates. Divide the loss by the number of steps to have their mean.
   * @example
   * await model.noSync(() => step(first.x, first.y));
   * await step(second.x, second.y);
   */
  async noSync<R>(run: () => Promise<R>): Promise<R> {
    const before = this.#skipsReduction;
    this.#skipsReduction = true;
    try {
      return await run();
    } finally {
      this.#skipsReduction = before;
    }
  }

  #plan(tensors: readonly Tensor[]): Bucket[] {
    return planBuckets(tensors, this.#capBytes);
  }

  /** All buckets are on their way at once: one is read while the one before travels. */
  async #average(vectors: readonly Tensor[]): Promise<void> {
    await Promise.all(vectors.map((vector) => this.#group.allReduce(vector, "avg")));
  }

  async #broadcast(tensors: readonly Tensor[]): Promise<void> {
    if (this.#group.size === 1 || tensors.length === 0) return;
    const buckets = this.#plan(tensors);
    const vectors = persistent(() => flatten(buckets, tensors));
    await Promise.all(vectors.map((vector) => this.#group.broadcast(vector, 0)));
    if (this.#group.rank !== 0) {
      scope(() => {
        const values = unflatten(buckets, vectors, tensors);
        tensors.forEach((tensor, i) => tensor.assign(values[i]));
      });
    }
    for (const vector of vectors) vector.dispose();
  }

  async #requireSameModules(): Promise<void> {
    const own = [...this.module.namedParameters(), ...this.module.namedBuffers()].map(
      ([key, { dtype, shape }]) => `${key}: ${dtype}${formatShape(shape)}`,
    );
    const all = await this.#group.exchangeText(JSON.stringify(own));
    const first = JSON.parse(all[0]) as readonly string[];
    const place = Array.from({ length: Math.max(own.length, first.length) }, (_, i) => i).find(
      (i) => own[i] !== first[i],
    );
    const differs = all.findIndex((text) => text !== all[0]);
    if (differs < 0) return;
    throw new DistributedError(
      "DistributedDataParallel: all ranks must have the same parameters and buffers, got " +
        (place === undefined
          ? `others on rank ${differs}`
          : `${own[place] ?? "nothing"} on rank ${this.#group.rank} for ${first[place] ?? "nothing"} on rank 0`) +
        "; build the module alike everywhere",
    );
  }
}

function lossOf(result: StepResult): Tensor {
  return result instanceof Tensor ? result : result.loss;
}

/** Sums with what earlier steps have left; both lists are used up. */
function addUp(own: readonly Tensor[], held: readonly Tensor[]): readonly Tensor[] {
  if (held.length === 0) return own;
  const sums = persistent(() => own.map((vector, i) => vector.add(held[i])));
  realizeSync(...sums);
  for (const vector of [...own, ...held]) vector.dispose();
  return sums;
}
