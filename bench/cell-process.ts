import { fork, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { CellReply, CellRequest } from "./cell-protocol.ts";
import { sizes } from "./workload.ts";

/** What a process is started with. */
export interface CellOptions {
  /** Script and its arguments. */
  readonly script: string;
  /** Interpreter of a script that is not JavaScript; it reads and writes lines of JSON. */
  readonly interpreter?: string;
  readonly args?: readonly string[];
  readonly row: string;
  readonly threads: number;
}

const startLimitSeconds = 300;

/** A process that measures one row for one contender. */
export class CellProcess {
  readonly #child: ChildProcess;
  readonly #label: string;
  #errors = "";

  /** Starts the process; `start` makes it ready. */
  constructor(options: CellOptions) {
    const { row, threads } = options;
    this.#label = `${row}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
    this.#child = options.interpreter === undefined ? startNode(options) : startOther(options);
    this.#child.stderr?.on("data", (text: Buffer) => (this.#errors += text.toString()));
  }

  /** Sets the workload up. @throws {Error} with what the process said if it cannot. */
  async start(row: string, threads: number): Promise<Extract<CellReply, { kind: "ready" }>> {
    const reply = await this.#ask({ kind: "start", row, threads });
    if (reply.kind === "ready") return reply;
    throw new Error(`${this.#label}: unexpected answer ${reply.kind}`);
  }

  /** Milliseconds per run, one number a sample. */
  async measure(samples: number, inner = 1): Promise<readonly number[]> {
    const reply = await this.#ask({ kind: "measure", samples, inner });
    if (reply.kind === "samples") return reply.milliseconds;
    throw new Error(`${this.#label}: unexpected answer ${reply.kind}`);
  }

  /** Ends the process. */
  stop(): void {
    this.#child.removeAllListeners();
    this.#child.kill();
  }

  #ask(request: CellRequest): Promise<CellReply> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const fail = (what: string): void =>
        reject(new Error(`${this.#label}: ${what}\n${this.#errors}`.trim()));
      const timer = setTimeout(() => {
        fail(`no answer within ${startLimitSeconds} s`);
        this.stop();
      }, startLimitSeconds * 1000);
      child.once("exit", (code) => {
        clearTimeout(timer);
        fail(`the process ended with code ${code}`);
      });
      child.once("message", (reply: CellReply) => {
        clearTimeout(timer);
        child.removeAllListeners("exit");
        if (reply.kind === "failed") fail(reply.message);
        else resolve(reply);
      });
      if (child.stdin === null) child.send(request);
      else child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }
}

function startNode({ script, args = [] }: CellOptions): ChildProcess {
  return fork(script, [...args], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
}

/** A process whose lines on standard output become its messages. */
function startOther({ script, args = [], interpreter = "", threads }: CellOptions): ChildProcess {
  const env = {
    ...process.env,
    OMP_NUM_THREADS: String(threads),
    BENCH_SIZES: JSON.stringify(sizes),
  };
  const child = spawn(interpreter, [script, ...args], { stdio: "pipe", env });
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith("{")) child.emit("message", JSON.parse(line));
  });
  return child;
}
