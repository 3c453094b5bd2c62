import type { DistributedSamplerOptions, Sized } from "../data/sampler.ts";
import { DistributedSampler } from "../data/sampler.ts";
import { getRank, getWorldSize } from "./world.ts";

/**
 * The share of this process of a dataset: a `DistributedSampler` of the process group.
 * @throws {UsageError} before `initProcessGroup`, unless `rank` and `numReplicas` are given.
 */
export function distributedSampler(
  source: Sized,
  options: Partial<DistributedSamplerOptions> = {},
): DistributedSampler {
  const { rank = getRank(), numReplicas = getWorldSize() } = options;
  return new DistributedSampler(source, { ...options, rank, numReplicas });
}
