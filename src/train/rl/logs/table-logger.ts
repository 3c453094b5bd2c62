import { formatNumber } from "../../progress-bar.ts";
import type { ProgressStream } from "../../progress-bar.ts";
import type { RunLogger } from "./run-logger.ts";

/** Prints a table of the numbers at each line of the log, grouped as Stable-Baselines3 prints it. */
export function tableLogger(stream: ProgressStream = process.stdout): RunLogger {
  return {
    write(_step, values) {
      stream.write(`${tableOf(values)}\n`);
    },
    close() {},
  };
}

/**
 * Numbers as a table: those of one group (what stands before the `/`) under its name.
 *
 * @example
 * ------------------------------
 * | rollout/        |          |
 * |    ep_len_mean  | 200      |
 * |    ep_rew_mean  | -1208    |
 * ------------------------------
 */
function tableOf(values: Readonly<Record<string, number>>): string {
  const rows: (readonly [name: string, value: string])[] = [];
  let group = "";
  for (const key of Object.keys(values).toSorted()) {
    const [head, ...rest] = key.split("/");
    const isGrouped = rest.length > 0;
    if (isGrouped && head !== group) rows.push([`${head}/`, ""]);
    if (isGrouped) group = head;
    rows.push([isGrouped ? `   ${rest.join("/")}` : key, formatNumber(values[key])]);
  }
  const widthOf = (column: 0 | 1): number => Math.max(0, ...rows.map((row) => row[column].length));
  const [names, numbers] = [widthOf(0), widthOf(1)];
  const rule = "-".repeat(names + numbers + 7);
  const lines = rows.map(([name, value]) => `| ${name.padEnd(names)} | ${value.padEnd(numbers)} |`);
  return [rule, ...lines, rule].join("\n");
}
