import { closeSync, existsSync, mkdirSync, openSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { ConfigError, UsageError } from "../../base/errors.ts";
import type { Info } from "../env.ts";
import type { EpisodeStatistics } from "../wrappers/episode-queue.ts";

/** Options of monitors. */
export interface MonitorOptions {
  /** Keys of the last step's info that become columns. */
  readonly infoKeywords?: readonly string[];
  /** Whether an older file of that name is replaced; otherwise rows are added. @defaultValue true */
  readonly override?: boolean;
}

const ending = "monitor.csv";

/** `runs/a` → `runs/a.monitor.csv`; a folder gets a file `monitor.csv`. */
function monitorPath(path: string): string {
  if (path.endsWith(ending)) return path;
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  return isFolder ? join(path, ending) : `${path}.${ending}`;
}

/** A value of a table; quoted where it would break its row. */
function cell(value: unknown): string {
  const isPlain = ["string", "number", "boolean", "bigint"].includes(typeof value);
  const isMissing = value === null || value === undefined;
  const text = isPlain ? `${value as string | number}` : isMissing ? "" : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const rounded = (value: number): number => Math.round(value * 1e6) / 1e6;

/**
 * A table of episodes as Stable-Baselines3's `Monitor` writes it and its `load_results` reads it: a
 * line of JSON with the start and the environment's id, then the columns return `r`, length `l`,
 * seconds since the start `t`, and chosen facts. Each row is in the file when the episode ends.
 */
export class MonitorFile {
  readonly path: string;
  readonly #columns: readonly string[];
  readonly #start = Date.now();
  #file: number | null;

  /**
   * @param path - `monitor.csv` is appended unless it ends with it; folders are made.
   * @throws {ConfigError} if a column is named twice.
   */
  constructor(
    path: string,
    envId: string,
    options: { readonly columns?: readonly string[]; readonly override?: boolean } = {},
  ) {
    const columns = ["r", "l", "t", ...(options.columns ?? [])];
    const twice = columns.find((name, i) => columns.indexOf(name) !== i);
    if (twice !== undefined) {
      throw new ConfigError(`MonitorFile: columns must differ, got "${twice}" twice`);
    }
    this.path = monitorPath(path);
    this.#columns = columns;
    mkdirSync(dirname(this.path), { recursive: true });
    const isNew = (options.override ?? true) || !existsSync(this.path);
    this.#file = openSync(this.path, isNew ? "w" : "a");
    if (!isNew) return;
    const header = { t_start: this.#start / 1000, env_id: envId };
    writeSync(this.#file, `#${JSON.stringify(header)}\n${columns.map(cell).join(",")}\n`);
  }

  /**
   * Adds an episode.
   *
   * @param facts - values of the other columns.
   * @throws {ConfigError} if a fact is missing.
   */
  write({ r, l }: Pick<EpisodeStatistics, "r" | "l">, facts: Info = {}): void {
    if (this.#file === null) throw new UsageError("MonitorFile: it was closed; make another one");
    const row: Info = { ...facts, r: rounded(r), l, t: rounded((Date.now() - this.#start) / 1000) };
    const missing = this.#columns.find((name) => !(name in row));
    if (missing !== undefined) {
      throw new ConfigError(
        `MonitorFile: every episode must have "${missing}", got ` +
          `${Object.keys(facts).join(", ") || "nothing"} in its info`,
      );
    }
    writeSync(this.#file, `${this.#columns.map((name) => cell(row[name])).join(",")}\n`);
  }

  /** Closing twice is allowed. */
  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}
