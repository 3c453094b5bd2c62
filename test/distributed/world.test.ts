import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  allReduce,
  destroyProcessGroup,
  distributedSampler,
  getBackend,
  getLocalRank,
  getRank,
  getWorldSize,
  initProcessGroup,
  isInitialized,
  newGroup,
} from "../../src/dist/index.ts";
import type { LauncherEnvironment } from "../../src/dist/launcher-environment.ts";
import { readLauncherEnvironment } from "../../src/dist/launcher-environment.ts";
import { openStore } from "../../src/dist/tcp-connect.ts";
import { TcpStore } from "../../src/dist/tcp-store.ts";
import { setDefaultDevice, tensor } from "../../src/index.ts";

setDefaultDevice("wasm");
const launcherVariables = /^(RANK|WORLD_SIZE|LOCAL_|MASTER_|OMPI_|PMI_|SLURM_)/;

beforeEach(() => {
  for (const name of Object.keys(process.env).filter((key) => launcherVariables.test(key))) {
    vi.stubEnv(name, undefined);
  }
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await destroyProcessGroup();
});

describe("initProcessGroup", () => {
  it("makes a world of one process when nobody launched it", async () => {
    expect(isInitialized()).toBe(false);
    await initProcessGroup();
    expect([isInitialized(), getRank(), getWorldSize()]).toEqual([true, 0, 1]);
    expect([getLocalRank(), getBackend()]).toEqual([0, "tcp"]);
    const x = tensor([3]);
    await allReduce(x, { op: "avg" });
    expect(await x.item()).toBe(3);
    expect([...distributedSampler([1, 2, 3], { shuffle: false }).indices(0)]).toEqual([0, 1, 2]);
    await expect(newGroup([0, 0])).rejects.toThrow("a list without repeats, got [0, 0]");
    await expect(newGroup([1])).rejects.toThrow("the rank must be one of 0, got 1");
  });

  it("can be left and joined again", async () => {
    await initProcessGroup();
    await expect(initProcessGroup()).rejects.toThrow("call destroyProcessGroup first");
    await destroyProcessGroup();
    await destroyProcessGroup();
    expect(() => getRank()).toThrow("await initProcessGroup() first");
    await initProcessGroup({ rank: 0, worldSize: 1 });
    expect(getWorldSize()).toBe(1);
  });

  it("says which option is wrong", async () => {
    await expect(initProcessGroup({ rank: 1 })).rejects.toThrow(
      "rank and worldSize come together, got rank 1 and worldSize undefined",
    );
    await expect(initProcessGroup({ rank: 2, worldSize: 2 })).rejects.toThrow("got rank 2 of 2");
    await expect(initProcessGroup({ timeoutSeconds: 0 })).rejects.toThrow("must be above 0, got 0");
    await expect(initProcessGroup({ backend: "gloo" as "tcp" })).rejects.toThrow(
      'backend must be auto, nccl, mpi or tcp, got "gloo"',
    );
    await expect(initProcessGroup({ backend: "nccl" })).rejects.toThrow(
      'the backend "nccl" needs a CUDA device, got wasm',
    );
    expect(isInitialized()).toBe(false);
  });

  it("names the variable that is wrong", async () => {
    vi.stubEnv("RANK", "one");
    vi.stubEnv("WORLD_SIZE", "2");
    await expect(initProcessGroup()).rejects.toThrow("RANK must be an integer of at least 0");
  });

  it("says what is missing for MPI", async () => {
    vi.stubEnv("ATHANOR_MPI_LIB", "libnone.so");
    await expect(initProcessGroup({ backend: "mpi" })).rejects.toThrow(
      'the backend "mpi" needs an MPI library, got none of libnone.so; install one',
    );
  });

  it("falls back on TCP under an mpirun whose library cannot be called", async () => {
    vi.stubEnv("ATHANOR_MPI_LIB", "libnone.so");
    vi.stubEnv("OMPI_COMM_WORLD_RANK", "0");
    vi.stubEnv("OMPI_COMM_WORLD_SIZE", "1");
    await initProcessGroup();
    expect(getBackend()).toBe("tcp");
  });

  it("refuses ranks of different backends", async () => {
    const { port, close } = await freePort();
    await close();
    const place = (rank: number): LauncherEnvironment =>
      readLauncherEnvironment({ RANK: `${rank}`, WORLD_SIZE: "2", MASTER_PORT: `${port}` });
    const first = await openStore(place(0), "nccl", 5);
    try {
      await expect(openStore(place(1), "tcp", 5)).rejects.toThrow(
        "all ranks must use one backend, got tcp on rank 1 and nccl on rank 0",
      );
    } finally {
      first.destroy();
    }
  });
});

/** A port that was free a moment ago. */
async function freePort(): Promise<{ port: number; close: () => Promise<void> }> {
  const store = await TcpStore.open({ host: "127.0.0.1", port: 0, rank: 0 });
  return { port: store.port, close: () => store.close() };
}
