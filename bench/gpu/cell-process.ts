import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Reply, Request } from "./protocol.ts";
import { allSizes } from "./sizes.ts";

type Answer<K extends Reply["kind"]> = Extract<Reply, { kind: K }>;

/** Which side a process measures. */
export type Side = "athanor" | "pytorch";

/** How processes are started. */
export interface CellOptions {
  readonly side: Side;
  /** Device of our side, and of PyTorch: `cpu` where ours is not cuda. */
  readonly device: string;
  readonly python: string;
}

/** Characters of what a process printed that a failure shows. */
const shownErrors = 1500;

function command({ side, device, python }: CellOptions): readonly [string, readonly string[]] {
  if (side === "athanor") {
    return [process.execPath, [fileURLToPath(new URL("cell.js", import.meta.url)), device]];
  }
  const peer = fileURLToPath(new URL("../../gpu/peers/cell.py", import.meta.url));
  return [python, [peer, device.startsWith("cuda") ? device : "cpu"]];
}

/** A process that measures rows, driven by lines of JSON. */
export class CellProcess {
  readonly side: Side;
  readonly #child: ChildProcess;
  readonly #waiting: ((reply: Reply) => void)[] = [];
  #printed = "";
  #ended: string | undefined;

  constructor(options: CellOptions) {
    this.side = options.side;
    const [program, args] = command(options);
    const env = { ...process.env, BENCH_SIZES: JSON.stringify(allSizes) };
    const child = spawn(program, args, { stdio: "pipe", env });
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("@")) this.#waiting.shift()?.(JSON.parse(line.slice(1)) as Reply);
      else this.#keep(`${line}\n`);
    });
    child.stderr.on("data", (text: Buffer) => this.#keep(text.toString()));
    child.stdin.on("error", () => {}); // the exit says why
    child.once("error", (error) => this.#end(`${program}: ${error.message}`));
    child.once("exit", (code, signal) => {
      this.#end(`the process ended with ${signal === null ? `code ${code}` : signal}`);
    });
  }

  /** Whether it takes requests. */
  get isAlive(): boolean {
    return this.#ended === undefined;
  }

  /** @throws {Error} with what the process said if it failed, ended or took too long. */
  async ask<K extends Reply["kind"]>(
    request: Request,
    kind: K,
    limitMilliseconds: number,
  ): Promise<Answer<K>> {
    this.#printed = "";
    const reply = await this.#send(request, limitMilliseconds);
    if (reply.kind === kind) return reply as Answer<K>;
    const what = reply.kind === "failed" ? reply.message : `unexpected answer ${reply.kind}`;
    throw new Error(`${this.side}: ${what}\n${this.#printed}`.trim());
  }

  /** Ends the process and waits until it is gone, so that its device memory is free. */
  async stop(): Promise<void> {
    if (this.#ended !== undefined) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await gone;
  }

  #send(request: Request, limitMilliseconds: number): Promise<Reply> {
    const failed = (message: string): Reply => ({ kind: "failed", message });
    if (this.#ended !== undefined) return Promise.resolve(failed(this.#ended));
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        resolve(failed(`no answer within ${(limitMilliseconds / 1000).toFixed(0)} s`));
        this.#child.kill("SIGKILL");
      }, limitMilliseconds);
      this.#waiting.push((reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
      this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    });
  }

  #end(message: string): void {
    this.#ended ??= message;
    for (const resolve of this.#waiting.splice(0)) resolve({ kind: "failed", message });
  }

  #keep(text: string): void {
    this.#printed = (this.#printed + text).slice(-shownErrors);
  }
}
