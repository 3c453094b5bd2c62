import { ConfigError, DeviceError, UsageError } from "../base/errors.ts";
import { defaultDevice } from "../engine/devices.ts";
import { HostGroup } from "./host-group.ts";
import type { LauncherEnvironment } from "./launcher-environment.ts";
import { readLauncherEnvironment } from "./launcher-environment.ts";
import { connectMpi } from "./mpi-connect.ts";
import { connectNccl } from "./nccl-connect.ts";
import type { BackendName, ProcessGroup } from "./process-group.ts";
import { connectTcp } from "./tcp-connect.ts";
import { visibleCard } from "./visible-card.ts";

/** Options of {@link initProcessGroup}; what is left out comes from the launcher's variables. */
export interface ProcessGroupOptions {
  /**
   * What carries the data. `auto` is `nccl` when the default device is a GPU, `mpi` under `mpirun`
   * when libmpi is there, and `tcp` otherwise. @defaultValue "auto"
   */
  readonly backend?: "auto" | BackendName;
  /** This process's number, from 0. */
  readonly rank?: number;
  /** Number of processes. */
  readonly worldSize?: number;
  /** Host of rank 0. @defaultValue MASTER_ADDR, or 127.0.0.1 */
  readonly masterAddress?: string;
  /** Port of the store on the host of rank 0. @defaultValue MASTER_PORT, or 29500 */
  readonly masterPort?: number;
  /** How long any operation may wait for the other ranks. @defaultValue 600 */
  readonly timeoutSeconds?: number;
}

interface World {
  readonly group: ProcessGroup;
  readonly place: LauncherEnvironment;
}

/** How long a failure waits for the program to meet it in a call, before it ends the process. */
const unnoticedMs = 15_000;

let world: World | undefined;
let isStarting = false;

/**
 * Joins the processes of a job. Each of them calls it once, before it communicates; under
 * `athanor run`, torchrun, mpirun and srun without options.
 * @throws {ConfigError} if an option or a launcher's variable is wrong; {DistributedError} if the
 *   other processes cannot be reached in time; {UsageError} if there is a group already.
 * @example
 * await initProcessGroup();
 * console.log(`rank ${getRank()} of ${getWorldSize()}`);
 * await destroyProcessGroup();
 */
export async function initProcessGroup(options: ProcessGroupOptions = {}): Promise<void> {
  if (world !== undefined || isStarting) {
    throw new UsageError(
      "initProcessGroup: this process has a group already; call destroyProcessGroup first",
    );
  }
  const place = placeOf(options);
  const { backend = "auto", timeoutSeconds = 600 } = options;
  if (!(timeoutSeconds > 0)) {
    throw new ConfigError(
      `initProcessGroup: timeoutSeconds must be above 0, got ${timeoutSeconds}`,
    );
  }
  isStarting = true;
  try {
    const card = visibleCard(place, process.env["CUDA_VISIBLE_DEVICES"]);
    if (card !== undefined) process.env["CUDA_VISIBLE_DEVICES"] = card;
    const group = await connect(backend, place, timeoutSeconds);
    world = { group, place };
    group.onFailure(endUnlessTold);
    process.once("beforeExit", leave);
  } finally {
    isStarting = false;
  }
}

/** Leaves the group in order, after everything that was begun. A no-op without a group. */
export async function destroyProcessGroup(): Promise<void> {
  const leaving = world;
  if (leaving === undefined) return;
  world = undefined;
  process.off("beforeExit", leave);
  await leaving.group.close();
}

/** Whether this process has joined a group. */
export function isInitialized(): boolean {
  return world !== undefined;
}

/** The group of all processes. @throws {UsageError} before `initProcessGroup`. */
export function worldGroup(): ProcessGroup {
  return requireWorld().group;
}

/**
 * This process's number in the group, from 0; -1 if it is not in it.
 * @throws {UsageError} before `initProcessGroup`.
 */
export function getRank(group?: ProcessGroup): number {
  return (group ?? worldGroup()).rank;
}

/** Number of processes of the group. @throws {UsageError} before `initProcessGroup`. */
export function getWorldSize(group?: ProcessGroup): number {
  return (group ?? worldGroup()).size;
}

/** Number of this process on its machine. @throws {UsageError} before `initProcessGroup`. */
export function getLocalRank(): number {
  return requireWorld().place.localRank;
}

/** What carries the data. @throws {UsageError} before `initProcessGroup`. */
export function getBackend(group?: ProcessGroup): BackendName {
  return (group ?? worldGroup()).backend;
}

function requireWorld(): World {
  if (world !== undefined) return world;
  throw new UsageError("dist: there is no process group; await initProcessGroup() first");
}

/** The launcher's word, and above it the options'. */
function placeOf(options: ProcessGroupOptions): LauncherEnvironment {
  const { rank, worldSize } = options;
  if ((rank === undefined) !== (worldSize === undefined)) {
    throw new ConfigError(
      `initProcessGroup: rank and worldSize come together, got rank ${rank} and worldSize ${worldSize}`,
    );
  }
  const own = rank === undefined ? {} : { RANK: String(rank), WORLD_SIZE: String(worldSize) };
  const found = readLauncherEnvironment({ ...process.env, ...own });
  return {
    ...found,
    masterAddress: options.masterAddress ?? found.masterAddress,
    masterPort: options.masterPort ?? found.masterPort,
  };
}

async function connect(
  backend: "auto" | BackendName,
  place: LauncherEnvironment,
  timeoutSeconds: number,
): Promise<ProcessGroup> {
  switch (backend) {
    case "tcp":
      return new HostGroup(await connectTcp(place, timeoutSeconds));
    case "mpi":
      return new HostGroup(connectMpi(timeoutSeconds));
    case "nccl":
      return connectNccl(place, timeoutSeconds);
    case "auto":
      return connectBest(place, timeoutSeconds);
    default:
      backend satisfies never;
      throw new ConfigError(
        `initProcessGroup: backend must be auto, nccl, mpi or tcp, got "${String(backend)}"`,
      );
  }
}

/** GPUs talk through NCCL; what mpirun started through MPI, where it can be called. */
async function connectBest(
  place: LauncherEnvironment,
  timeoutSeconds: number,
): Promise<ProcessGroup> {
  if (defaultDevice().startsWith("cuda")) return connect("nccl", place, timeoutSeconds);
  if (place.launcher === "openmpi" || place.launcher === "pmi") {
    try {
      const mpi = connectMpi(timeoutSeconds);
      // A library of another make than the launcher sees only its own process.
      if (mpi.size === place.worldSize) return new HostGroup(mpi);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
    }
  }
  return connect("tcp", place, timeoutSeconds);
}

/**
 * A program that waits for something else than its group would never learn that the group is dead;
 * its launcher, and the person behind it, wait for it to end.
 */
function endUnlessTold(error: Error, wasTold: () => boolean): void {
  const timer = setTimeout(() => {
    if (world === undefined || wasTold()) return;
    process.stderr.write(`athanor: ${error.message}\n`);
    process.exit(1);
  }, unnoticedMs);
  timer.unref();
}

function leave(): void {
  void destroyProcessGroup();
}
