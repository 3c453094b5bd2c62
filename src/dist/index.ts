/**
 * Several processes that train together: process groups over NCCL, MPI or TCP, collectives on
 * tensors, and data-parallel training. For Node.
 *
 * @module
 */
export type { GroupOptions, ReduceOptions } from "./collectives.ts";
export {
  allGather,
  allGatherIntoTensor,
  allGatherObject,
  allReduce,
  barrier,
  broadcast,
  newGroup,
  recv,
  reduceScatter,
  reduceScatterTensor,
  send,
  splitGroup,
} from "./collectives.ts";
export type {
  DataParallelOptions,
  ForwardModule,
  StepResult,
  TrainStepOptions,
} from "./data-parallel.ts";
export { DistributedDataParallel } from "./data-parallel.ts";
export { distributedSampler } from "./distributed-sampler.ts";
export type { ElasticEnvironment, Launcher, LauncherEnvironment } from "./launcher-environment.ts";
export { readElasticEnvironment, readLauncherEnvironment } from "./launcher-environment.ts";
export type { BackendName, ProcessGroup } from "./process-group.ts";
export type { ReduceOp } from "./reduce-op.ts";
export { TcpStore } from "./tcp-store.ts";
export type { FailureListener, TcpStoreOptions } from "./tcp-store.ts";
export type { ProcessGroupOptions } from "./world.ts";
export {
  destroyProcessGroup,
  getBackend,
  getLocalRank,
  getRank,
  getWorldSize,
  initProcessGroup,
  isInitialized,
  worldGroup,
} from "./world.ts";
