import { CheckpointError } from "../base/errors.ts";
import { sameNumbers } from "../base/integers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { nearestKey } from "./state-key.ts";

/** Tensors by their keys in a checkpoint. */
export type StateDict = Readonly<Record<string, Tensor>>;

/** Keys that `loadStateDict` left alone. */
export interface LoadReport {
  /** Keys the module has and the dictionary lacks. */
  readonly missingKeys: readonly string[];
  /** Keys the dictionary has and the module lacks. */
  readonly unexpectedKeys: readonly string[];
}

const longestList = 20;
const floats: readonly string[] = ["f64", "f32", "f16", "bf16"];

/** Floats fit floats and integers fit integers; the value is converted. */
function fitsDType(from: Tensor, to: Tensor): boolean {
  const kind = ({ dtype }: Tensor): string =>
    floats.includes(dtype) ? "float" : dtype === "bool" ? "bool" : "integer";
  return kind(from) === kind(to);
}

function mismatches(own: StateDict, given: StateDict): string[] {
  return Object.entries(own).flatMap(([key, to]) => {
    const from = Object.hasOwn(given, key) ? given[key] : undefined;
    if (from === undefined) return [];
    const problems: string[] = [];
    if (!sameNumbers(from.shape, to.shape)) {
      problems.push(`${key} has shape [${from.shape.join(", ")}], needs [${to.shape.join(", ")}]`);
    }
    if (!fitsDType(from, to)) problems.push(`${key} has dtype ${from.dtype}, needs ${to.dtype}`);
    return problems;
  });
}

function listed(title: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const shown = items.slice(0, longestList).map((item) => `    ${item}`);
  if (items.length > longestList) shown.push(`    … and ${items.length - longestList} more`);
  return [`  ${title}:`, ...shown];
}

/**
 * Copies values into the tensors of `own`, converted to their dtype and device.
 * @throws {CheckpointError} that lists every missing and unexpected key (when strict) and every
 *   mismatch; then nothing has changed.
 */
export function loadInto(
  owner: string,
  own: StateDict,
  given: StateDict,
  strict: boolean,
): LoadReport {
  const missingKeys = Object.keys(own).filter((key) => !Object.hasOwn(given, key));
  const unexpectedKeys = Object.keys(given).filter((key) => !Object.hasOwn(own, key));
  const wrong = mismatches(own, given);
  const isRefused = wrong.length > 0 || (strict && missingKeys.length + unexpectedKeys.length > 0);
  if (isRefused) throw refusal(owner, { missingKeys, unexpectedKeys }, wrong, strict);
  const copies = Object.entries(own)
    .filter(([key]) => Object.hasOwn(given, key))
    .map(([key, to]) => [to, given[key].to(to.device).to(to.dtype)] as const);
  for (const [to, from] of copies) to.assign(from);
  return { missingKeys, unexpectedKeys };
}

function refusal(
  owner: string,
  report: LoadReport,
  wrong: readonly string[],
  strict: boolean,
): CheckpointError {
  const { missingKeys, unexpectedKeys } = report;
  const suggested = unexpectedKeys.slice(0, longestList).map((key) => {
    const nearest = nearestKey(key, missingKeys);
    return nearest === undefined ? key : `${key} (did you mean ${nearest}?)`;
  });
  const unexpected = [...suggested, ...unexpectedKeys.slice(longestList)];
  const lines = [
    `loadStateDict: the state must fit ${owner}, got`,
    ...(strict ? listed("missing keys", missingKeys) : []),
    ...(strict ? listed("unexpected keys", unexpected) : []),
    ...listed("mismatches", wrong),
    wrong.length > 0
      ? "build the module with the sizes of the checkpoint"
      : "rename the keys, or pass { strict: false } to load what fits",
  ];
  return new CheckpointError(lines.join("\n"), { details: { ...report, mismatches: wrong } });
}
