import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import type { Terminal } from "./command.ts";

/** How many of its last lines a process that failed is quoted with. */
const quotedLines = 20;

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What one of the processes runs. */
export interface RankCommand {
  readonly rank: number;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** One process of a job: its output carries its rank. */
export class RankProcess {
  readonly rank: number;
  /** Resolves when the process has ended and all it printed is out. */
  readonly ended: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #errors: string[] = [];
  #exit: Exit | undefined;
  #wasEnded = false;

  constructor({ rank, args, environment }: RankCommand, { out, error }: Terminal) {
    this.rank = rank;
    // A group of its own: Ctrl-C reaches it once, through this program.
    this.#child = spawn(process.execPath, args, {
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
      detached: process.platform !== "win32",
    });
    const { stdout, stderr } = this.#child;
    if (stdout !== null) onLines(stdout, (line) => out(`[rank ${rank}] ${line}\n`));
    if (stderr !== null) {
      onLines(stderr, (line) => {
        error(`[rank ${rank}] ${line}\n`);
        this.#errors.push(line);
        if (this.#errors.length > quotedLines) this.#errors.shift();
      });
    }
    this.ended = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  /** How it ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Whether it ended by itself and not well. */
  get hasFailed(): boolean {
    return this.#exit !== undefined && this.#exit.code !== 0 && !this.#wasEnded;
  }

  /** Code that a shell would report: 128 and the signal's number for a killed process. */
  get exitCode(): number {
    const { code, signal } = this.#exit ?? { code: null, signal: null };
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  }

  /** The cause of its end with the last it had to say, for people. */
  describe(): string {
    const { code, signal } = this.#exit ?? { code: null, signal: null };
    const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
    const name = `rank ${this.rank} (process ${this.#child.pid})`;
    if (this.#errors.length === 0) return `${name} ${how} and printed nothing on stderr`;
    const lines = this.#errors.map((line) => `  ${line}`).join("\n");
    return `${name} ${how}; the last lines of its stderr:\n${lines}`;
  }

  /** Passes a signal on to the process and what it started. */
  send(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (this.#exit !== undefined || pid === undefined) return;
    this.#wasEnded = true;
    try {
      if (process.platform === "win32") this.#child.kill(signal);
      else process.kill(-pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** Calls back for each line, and for a last one without its end. */
function onLines(stream: Readable, tell: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) tell(line);
  });
  stream.on("end", () => {
    if (rest !== "") tell(rest);
  });
}
