import { describe, expect, it } from "vitest";
import { readElasticEnvironment, readLauncherEnvironment } from "./launcher-environment.ts";
import { parseSlurmNodeList } from "./slurm-node-list.ts";

describe("parseSlurmNodeList", () => {
  it.each<[string, string[]]>([
    ["node1", ["node1"]],
    ["a,b", ["a", "b"]],
    ["gpu[08-11]", ["gpu08", "gpu09", "gpu10", "gpu11"]],
    ["gpu[1-2,7],login", ["gpu1", "gpu2", "gpu7", "login"]],
    ["r[1-2]n[3-4].local", ["r1n3.local", "r1n4.local", "r2n3.local", "r2n4.local"]],
  ])("expands %s", (list, hosts) => {
    expect(parseSlurmNodeList(list)).toEqual(hosts);
  });

  it.each(["a[1-2", "a]1[", "a[2-1]", "a[x]", "a[[1]]"])("refuses %s", (list) => {
    expect(() => parseSlurmNodeList(list)).toThrow(/a Slurm node list looks like node/);
  });
});

describe("readLauncherEnvironment", () => {
  it("is a world of one process when nobody launched it", () => {
    expect(readLauncherEnvironment({})).toEqual({
      launcher: "none",
      rank: 0,
      worldSize: 1,
      localRank: 0,
      localWorldSize: 1,
      masterAddress: "127.0.0.1",
      masterPort: 29500,
    });
  });

  const torchrun = {
    RANK: "5",
    WORLD_SIZE: "8",
    LOCAL_RANK: "1",
    LOCAL_WORLD_SIZE: "4",
    MASTER_ADDR: "10.0.0.1",
    MASTER_PORT: "1234",
  };

  it("reads torchrun's variables, before all others", () => {
    expect(readLauncherEnvironment({ ...torchrun, OMPI_COMM_WORLD_RANK: "0" })).toEqual({
      launcher: "environment",
      rank: 5,
      worldSize: 8,
      localRank: 1,
      localWorldSize: 4,
      masterAddress: "10.0.0.1",
      masterPort: 1234,
    });
  });

  it("stays away from the port that torchrun's own store listens on", () => {
    const elastic = { ...torchrun, TORCHELASTIC_RUN_ID: "none" };
    const used = { ...elastic, TORCHELASTIC_USE_AGENT_STORE: "True" };
    expect(readLauncherEnvironment(used)).toMatchObject({ launcher: "torchrun", masterPort: 1235 });
    const free = { ...elastic, TORCHELASTIC_USE_AGENT_STORE: "False" };
    expect(readLauncherEnvironment(free)).toMatchObject({ masterPort: 1234 });
  });

  it("takes local rank 0 where PyTorchJob sets none", () => {
    const { LOCAL_RANK: _none, ...job } = torchrun;
    expect(readLauncherEnvironment(job)).toMatchObject({ rank: 5, localRank: 0 });
  });

  it("reads Open MPI's variables and gives each job a port", () => {
    const env = {
      OMPI_COMM_WORLD_RANK: "1",
      OMPI_COMM_WORLD_SIZE: "2",
      OMPI_COMM_WORLD_LOCAL_RANK: "1",
      OMPI_COMM_WORLD_LOCAL_SIZE: "2",
      OMPI_MCA_ess_base_jobid: "3312517121",
    };
    expect(readLauncherEnvironment(env)).toEqual({
      launcher: "openmpi",
      rank: 1,
      worldSize: 2,
      localRank: 1,
      localWorldSize: 2,
      masterAddress: "127.0.0.1",
      masterPort: 20000 + (312517121 % 20000),
    });
  });

  it("reads MPICH's variables under Slurm", () => {
    const env = {
      PMI_RANK: "3",
      PMI_SIZE: "4",
      SLURM_LOCALID: "1",
      SLURM_JOB_ID: "77",
      SLURM_STEP_NODELIST: "gpu[3-4]",
    };
    expect(readLauncherEnvironment(env)).toMatchObject({
      launcher: "pmi",
      rank: 3,
      localRank: 1,
      masterAddress: "gpu3",
      masterPort: 20077,
    });
  });

  const slurm = {
    SLURM_PROCID: "6",
    SLURM_NTASKS: "8",
    SLURM_LOCALID: "2",
    SLURM_JOB_ID: "45012",
    SLURM_JOB_NODELIST: "cn[007-008]",
  };

  it("reads Slurm's variables inside a step", () => {
    expect(readLauncherEnvironment({ ...slurm, SLURM_STEP_ID: "0" })).toMatchObject({
      launcher: "slurm",
      rank: 6,
      worldSize: 8,
      localRank: 2,
      masterAddress: "cn007",
      masterPort: 25012,
    });
  });

  it("does not wait for others in a batch script, which runs once", () => {
    expect(readLauncherEnvironment(slurm)).toMatchObject({ launcher: "none", worldSize: 1 });
  });

  it("names a variable that is no number, and a rank outside the world", () => {
    expect(() => readLauncherEnvironment({ RANK: "x", WORLD_SIZE: "2" })).toThrow(
      'RANK must be an integer of at least 0, got "x"',
    );
    expect(() => readLauncherEnvironment({ RANK: "2", WORLD_SIZE: "2" })).toThrow(
      "got rank 2 of 2",
    );
  });
});

it("reads what Kubeflow's trainer sets", () => {
  const env = {
    PET_NNODES: "2",
    PET_NODE_RANK: "1",
    PET_NPROC_PER_NODE: "auto",
    PET_MASTER_ADDR: "job-node-0",
    PET_MASTER_PORT: "29400",
  };
  expect(readElasticEnvironment(env)).toEqual({
    nodes: 2,
    nodeRank: 1,
    processesPerNode: undefined,
    masterAddress: "job-node-0",
    masterPort: 29400,
  });
  expect(readElasticEnvironment({ PET_NPROC_PER_NODE: "4" }).processesPerNode).toBe(4);
});
