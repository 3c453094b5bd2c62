import { existsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import { ConfigError } from "../base/errors.ts";
import { readElasticEnvironment } from "../dist/launcher-environment.ts";
import type { Command, Flag, FlagValues, Terminal } from "./command.ts";
import { CommandLineError } from "./command.ts";
import type { RankCommand } from "./rank-process.ts";
import { RankProcess } from "./rank-process.ts";

const flags: Readonly<Record<string, Flag>> = {
  nproc: {
    type: "integer",
    min: 1,
    description: "Processes on this machine. Default: PET_NPROC_PER_NODE, or 1.",
  },
  nnodes: {
    type: "integer",
    min: 1,
    description: "Machines that take part, each with its own athanor run. [1]",
  },
  "node-rank": { type: "integer", min: 0, description: "Number of this machine, from 0. [0]" },
  "master-addr": {
    type: "text",
    placeholder: "host",
    description: "Machine number 0, as the others reach it. [127.0.0.1]",
  },
  "master-port": {
    type: "integer",
    min: 1,
    description: "Port of the store there. Default: a free one, or 29500 for several machines.",
  },
};

/** How the processes of this machine fit into the job. */
interface Job {
  readonly processes: number;
  readonly nodes: number;
  readonly nodeRank: number;
  readonly masterAddress: string;
  readonly masterPort: number;
}

const severalNodesPort = 29500;
/** After the first failure, the time in which the ranks that only suffer from it end too. */
const settlingMs = 300;
/** How long a process that was asked to end may take. */
const patienceMs = 10_000;
const interruptedCode = 130;

/** `athanor run`. */
export const runCommand: Command = {
  name: "run",
  summary: "Start a script in several processes that train together.",
  description:
    "Starts a script several times, with the variables that initProcessGroup reads (RANK, " +
    "WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT), and puts the rank before each line of " +
    "output. When one process fails, the others are ended, and the command ends with its exit " +
    "code.\n\nThe processes share the cores: each computes with its part of them, unless " +
    "ATHANOR_THREADS says otherwise. With several machines, start the same command on each, with its " +
    "--node-rank.",
  flags,
  operands: "<script> [arguments]",
  examples: [
    ["run --nproc 2 train.js --epochs 3", "Train with two processes on this machine."],
    [
      "run --nproc 8 --nnodes 2 --node-rank 1 --master-addr gpu0 train.js",
      "The second of two machines with eight processes each.",
    ],
  ],
  async run(values, terminal, [script, ...args]) {
    if (script === undefined) {
      throw new CommandLineError(
        "run: a script must follow the flags, got none; write athanor run --nproc 2 train.js",
      );
    }
    if (!existsSync(script)) {
      throw new ConfigError(`run: the script must exist, got ${script}`);
    }
    const command = [...process.execArgv, ...typeScriptFlags(script), script, ...args];
    return new Launch(rankCommands(await jobOf(values), command), terminal).run();
  },
};

/** Flags with which this Node runs TypeScript. */
function typeScriptFlags(script: string): readonly string[] {
  if (!/\.[cm]?ts$/.test(script)) return [];
  const { typescript } = process.features as { readonly typescript?: false | string };
  const hasLoader = /--(import|loader|require|experimental)/.test(
    [process.env["NODE_OPTIONS"], ...process.execArgv].join(" "),
  );
  if (hasLoader || (typescript !== undefined && typescript !== false)) return [];
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 6)) return ["--experimental-strip-types"];
  throw new ConfigError(
    `run: Node ${process.versions.node} runs no TypeScript, got ${script}; compile it, use Node 22.6 ` +
      'or newer, or set NODE_OPTIONS="--import tsx"',
  );
}

async function jobOf(values: FlagValues): Promise<Job> {
  const elastic = readElasticEnvironment(process.env);
  const number = (name: string): number | undefined => values[name] as number | undefined;
  const nodes = number("nnodes") ?? elastic.nodes ?? 1;
  const nodeRank = number("node-rank") ?? elastic.nodeRank ?? 0;
  if (nodeRank >= nodes) {
    throw new CommandLineError(
      `run: --node-rank must be below --nnodes, got ${nodeRank} of ${nodes}; count from 0`,
    );
  }
  const masterAddress = (values["master-addr"] as string | undefined) ?? elastic.masterAddress;
  if (nodes > 1 && masterAddress === undefined) {
    throw new CommandLineError(
      `run: ${nodes} machines need --master-addr, got none; give the name of machine 0`,
    );
  }
  const port = number("master-port") ?? elastic.masterPort;
  return {
    processes: number("nproc") ?? elastic.processesPerNode ?? 1,
    nodes,
    nodeRank,
    masterAddress: masterAddress ?? "127.0.0.1",
    masterPort: port ?? (nodes > 1 ? severalNodesPort : await freePort()),
  };
}

/** A port that nobody listens on. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function rankCommands(job: Job, args: readonly string[]): RankCommand[] {
  const { processes, nodes, nodeRank, masterAddress, masterPort } = job;
  const threads = Math.max(1, Math.floor(availableParallelism() / processes));
  const { TORCHELASTIC_USE_AGENT_STORE: _none, ...inherited } = process.env;
  return Array.from({ length: processes }, (_, local) => {
    const rank = nodeRank * processes + local;
    return {
      rank,
      args,
      environment: {
        ...(processes > 1 && { ATHANOR_THREADS: String(threads) }),
        ...inherited,
        RANK: String(rank),
        WORLD_SIZE: String(nodes * processes),
        LOCAL_RANK: String(local),
        LOCAL_WORLD_SIZE: String(processes),
        GROUP_RANK: String(nodeRank),
        MASTER_ADDR: masterAddress,
        MASTER_PORT: String(masterPort),
      },
    };
  });
}

/** Runs processes until all have ended; the first one that fails ends the others. */
class Launch {
  readonly #ranks: readonly RankProcess[];
  readonly #terminal: Terminal;
  #isInterrupted = false;
  #cause: RankProcess | undefined;

  constructor(commands: readonly RankCommand[], terminal: Terminal) {
    this.#terminal = terminal;
    this.#ranks = commands.map((command) => new RankProcess(command, terminal));
  }

  /** Returns the exit code. */
  async run(): Promise<number> {
    const forward = (signal: NodeJS.Signals): void => this.#interrupt(signal);
    process.on("SIGINT", forward);
    process.on("SIGTERM", forward);
    try {
      await Promise.all(this.#ranks.map((one) => this.#watch(one)));
    } finally {
      process.off("SIGINT", forward);
      process.off("SIGTERM", forward);
    }
    if (this.#isInterrupted) return interruptedCode;
    return this.#cause?.exitCode ?? 0;
  }

  async #watch(one: RankProcess): Promise<void> {
    await one.ended;
    if (!one.hasFailed || this.#cause !== undefined || this.#isInterrupted) return;
    this.#cause = one;
    await new Promise((resolve) => {
      setTimeout(resolve, settlingMs);
    });
    // Ranks that notice the death of another one fail too, and may be seen first.
    const killed = this.#ranks.find(({ hasFailed, exit }) => hasFailed && exit?.signal != null);
    this.#cause = killed ?? one;
    this.#terminal.error(`athanor run: ${this.#cause.describe()}\n`);
    const others = this.#running();
    if (others.length === 0) return;
    const names = others.map(({ rank }) => rank).join(", ");
    this.#terminal.error(`athanor run: ending the other ranks: ${names}\n`);
    this.#end("SIGTERM");
  }

  #running(): RankProcess[] {
    return this.#ranks.filter(({ exit }) => exit === undefined);
  }

  /** The first Ctrl-C lets the processes end in order; the second one does not. */
  #interrupt(signal: NodeJS.Signals): void {
    if (this.#isInterrupted) {
      for (const one of this.#running()) one.send("SIGKILL");
      return;
    }
    this.#isInterrupted = true;
    for (const one of this.#running()) one.send(signal);
  }

  #end(signal: NodeJS.Signals): void {
    for (const one of this.#running()) one.send(signal);
    const timer = setTimeout(() => {
      for (const one of this.#running()) one.send("SIGKILL");
    }, patienceMs);
    timer.unref();
  }
}
