import { ConfigError } from "../base/errors.ts";
import { parseSlurmNodeList } from "./slurm-node-list.ts";

/** Who started this process, as its environment variables tell. */
export type Launcher = "torchrun" | "environment" | "openmpi" | "pmi" | "slurm" | "none";

/** What a launcher tells each of the processes it starts. */
export interface LauncherEnvironment {
  readonly launcher: Launcher;
  /** Number of this process, from 0. */
  readonly rank: number;
  readonly worldSize: number;
  /** Number of this process on its machine, which chooses its GPU. */
  readonly localRank: number;
  /** Processes on this machine, where the launcher says so. */
  readonly localWorldSize: number | undefined;
  /** Host of rank 0. */
  readonly masterAddress: string;
  /** Port of the store on the host of rank 0. */
  readonly masterPort: number;
}

/** What `athanor run` starts, as Kubernetes' trainer (PET_*) asks for. */
export interface ElasticEnvironment {
  readonly nodes: number | undefined;
  readonly nodeRank: number | undefined;
  readonly processesPerNode: number | undefined;
  readonly masterAddress: string | undefined;
  readonly masterPort: number | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const defaultPort = 29500;
const firstJobPort = 20000;
const jobPorts = 20000;

/**
 * Reads rank, size and meeting point from the variables of torchrun and `athanor run`, Open MPI,
 * MPICH (PMI) and Slurm, in this order. A process that nobody launched is a world of its own.
 * @throws {ConfigError} if a variable holds no number, or the rank is not below the size.
 */
export function readLauncherEnvironment(env: Environment): LauncherEnvironment {
  const found = torchrun(env) ?? openMpi(env) ?? pmi(env) ?? slurm(env) ?? alone(env);
  if (found.rank >= found.worldSize) {
    throw new ConfigError(
      `initProcessGroup: the rank must be below the world size, got rank ${found.rank} of ` +
        `${found.worldSize} from the variables of ${found.launcher}`,
    );
  }
  return found;
}

/** Reads what Kubeflow's trainer sets for the one process it starts on each node. */
export function readElasticEnvironment(env: Environment): ElasticEnvironment {
  return {
    nodes: optional(env, "PET_NNODES"),
    nodeRank: optional(env, "PET_NODE_RANK"),
    // "auto", "gpu" and "cpu" leave the number to the launcher.
    processesPerNode: /^\d+$/.test(env["PET_NPROC_PER_NODE"] ?? "")
      ? optional(env, "PET_NPROC_PER_NODE")
      : undefined,
    masterAddress: text(env, "PET_MASTER_ADDR"),
    masterPort: optional(env, "PET_MASTER_PORT"),
  };
}

/** torchrun's variables, which PyTorchJob and `athanor run` set too. */
function torchrun(env: Environment): LauncherEnvironment | undefined {
  const rank = optional(env, "RANK");
  const worldSize = optional(env, "WORLD_SIZE");
  if (rank === undefined || worldSize === undefined) return undefined;
  // torchrun's agent already listens on MASTER_PORT when it says that its store is to be used.
  const hasAgentStore = env["TORCHELASTIC_USE_AGENT_STORE"] === "True";
  const port = optional(env, "MASTER_PORT") ?? defaultPort;
  return {
    launcher: env["TORCHELASTIC_RUN_ID"] === undefined ? "environment" : "torchrun",
    rank,
    worldSize,
    localRank: optional(env, "LOCAL_RANK") ?? 0,
    localWorldSize: optional(env, "LOCAL_WORLD_SIZE"),
    masterAddress: text(env, "MASTER_ADDR") ?? "127.0.0.1",
    masterPort: hasAgentStore ? port + 1 : port,
  };
}

function openMpi(env: Environment): LauncherEnvironment | undefined {
  const rank = optional(env, "OMPI_COMM_WORLD_RANK");
  const worldSize = optional(env, "OMPI_COMM_WORLD_SIZE");
  if (rank === undefined || worldSize === undefined) return undefined;
  // The job's number is the same in all of its processes: "3312517121" or "prterun-host-123@1".
  const job = digits(env["OMPI_MCA_ess_base_jobid"] ?? env["PMIX_NAMESPACE"]);
  return {
    launcher: "openmpi",
    rank,
    worldSize,
    localRank: optional(env, "OMPI_COMM_WORLD_LOCAL_RANK") ?? 0,
    localWorldSize: optional(env, "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ...meeting(env, job),
  };
}

function pmi(env: Environment): LauncherEnvironment | undefined {
  const rank = optional(env, "PMI_RANK");
  const worldSize = optional(env, "PMI_SIZE");
  if (rank === undefined || worldSize === undefined) return undefined;
  return {
    launcher: "pmi",
    rank,
    worldSize,
    localRank: optional(env, "MPI_LOCALRANKID") ?? optional(env, "SLURM_LOCALID") ?? 0,
    localWorldSize: optional(env, "MPI_LOCALNRANKS"),
    ...meeting(env, digits(env["PMI_JOBID"] ?? env["SLURM_JOB_ID"])),
  };
}

function slurm(env: Environment): LauncherEnvironment | undefined {
  const rank = optional(env, "SLURM_PROCID");
  const worldSize = optional(env, "SLURM_NTASKS");
  // Without a step, a batch script runs once, whatever the number of tasks it asked for.
  const hasStep = env["SLURM_STEP_ID"] !== undefined || env["SLURM_STEPID"] !== undefined;
  if (rank === undefined || worldSize === undefined || !hasStep) return undefined;
  return {
    launcher: "slurm",
    rank,
    worldSize,
    localRank: optional(env, "SLURM_LOCALID") ?? 0,
    localWorldSize: undefined,
    ...meeting(env, digits(env["SLURM_JOB_ID"])),
  };
}

function alone(env: Environment): LauncherEnvironment {
  return {
    launcher: "none",
    rank: 0,
    worldSize: 1,
    localRank: optional(env, "LOCAL_RANK") ?? 0,
    localWorldSize: 1,
    masterAddress: text(env, "MASTER_ADDR") ?? "127.0.0.1",
    masterPort: optional(env, "MASTER_PORT") ?? defaultPort,
  };
}

/** Where the processes meet: named, or the job's first node and a port of the job's own. */
function meeting(
  env: Environment,
  job: number,
): Pick<LauncherEnvironment, "masterAddress" | "masterPort"> {
  const nodes = text(env, "SLURM_STEP_NODELIST") ?? text(env, "SLURM_JOB_NODELIST");
  const first = nodes === undefined ? undefined : parseSlurmNodeList(nodes)[0];
  return {
    masterAddress: text(env, "MASTER_ADDR") ?? first ?? "127.0.0.1",
    masterPort: optional(env, "MASTER_PORT") ?? firstJobPort + (job % jobPorts),
  };
}

/** The digits of a job's name as a number that is exact. */
function digits(job: string | undefined): number {
  return Number((job ?? "").replace(/\D/g, "").slice(-12) || 0);
}

function text(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === "" ? undefined : value;
}

function optional(env: Environment, name: string): number | undefined {
  const value = text(env, name);
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  throw new ConfigError(
    `initProcessGroup: ${name} must be an integer of at least 0, got "${value}"`,
  );
}
