import { boundOf } from "./bounds.ts";
import type { RowResult } from "./measure.ts";
import type { Contender } from "./rows.ts";

/** Something the project set out to reach, and what was measured. */
interface Target {
  readonly text: string;
  readonly isReached: boolean;
}

/** The nearest rival, as its users write it and as an expert would. */
const rivals: readonly Contender[] = ["jax-js", "jax-js im2col"];

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

function shareTarget(result: RowResult): Target[] {
  const wanted = result.row.target?.ofBound;
  const bound = boundOf(result, "median");
  const own = result.contenders.athanor;
  if (wanted === undefined || bound === undefined || own === undefined) return [];
  const share = bound.milliseconds / own.timing.median;
  const text = `${percent(share)} of ${bound.name}, wanted ${percent(wanted)}`;
  return [{ text, isReached: share >= wanted }];
}

function ratioTarget({ row, contenders }: RowResult): Target[] {
  const wanted = row.target?.ratio;
  const own = contenders.athanor;
  const medians = rivals.flatMap((rival) => contenders[rival]?.timing.median ?? []);
  if (wanted === undefined || own === undefined || medians.length === 0) return [];
  const ratio = Math.min(...medians) / own.timing.median;
  const text = `${ratio.toFixed(1)} times as fast as jax-js, wanted ${wanted}`;
  return [{ text, isReached: ratio >= wanted }];
}

function scalingTarget(result: RowResult, all: readonly RowResult[]): Target[] {
  const wanted = result.row.target?.scaling;
  const alone = all.find(({ row, threads }) => row === result.row && threads === 1);
  const [one, two] = [alone, result].map((item) => item?.contenders.athanor?.timing.median);
  if (wanted === undefined || result.threads !== 2 || one === undefined || two === undefined) {
    return [];
  }
  const scaling = one / two;
  const text = `${scaling.toFixed(2)} times as fast as one thread, wanted ${wanted}`;
  return [{ text, isReached: scaling >= wanted }];
}

/** One line for each target of the rows that were measured. */
export function targetLines(results: readonly RowResult[]): string[] {
  return results.flatMap((result) => {
    const { row, threads } = result;
    const targets = [
      ...shareTarget(result),
      ...scalingTarget(result, results),
      ...ratioTarget(result),
    ];
    const where = `${row.name}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
    return targets.map(
      ({ text, isReached }) => `- ${isReached ? "reached" : "**missed**"}: ${where}: ${text}`,
    );
  });
}
