import { ConfigError } from "../base/errors.ts";

/**
 * Host names of a Slurm node list, such as `gpu[01-03,7],login1` or `a[1-2]-b[3-4]`, in its order.
 * @throws {ConfigError} if the brackets do not match or a range is none.
 */
export function parseSlurmNodeList(list: string): string[] {
  return splitTopLevel(list).flatMap((item) => expand(item, list));
}

/** Cuts at the commas that are not inside brackets. */
function splitTopLevel(list: string): string[] {
  const items: string[] = [];
  let depth = 0;
  let item = "";
  for (const char of list) {
    if (char === "[") depth++;
    if (char === "]") depth--;
    if (depth < 0 || depth > 1) refuse(list, "brackets that do not match");
    if (char === "," && depth === 0) {
      items.push(item);
      item = "";
    } else item += char;
  }
  if (depth !== 0) refuse(list, "brackets that do not match");
  items.push(item);
  return items.map((one) => one.trim()).filter((one) => one !== "");
}

function expand(item: string, list: string): string[] {
  const open = item.indexOf("[");
  if (open < 0) return [item];
  const close = item.indexOf("]", open);
  const numbers = item.slice(open + 1, close).split(",");
  const rests = expand(item.slice(close + 1), list);
  const head = item.slice(0, open);
  return numbers
    .flatMap((range) => expandRange(range.trim(), list))
    .flatMap((number) => rests.map((rest) => `${head}${number}${rest}`));
}

/** Numbers keep the width of the range's first one. */
function expandRange(range: string, list: string): string[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(range);
  if (match === null) refuse(list, `the range "${range}"`);
  const [, first, last = first] = match;
  const count = Number(last) - Number(first) + 1;
  if (count < 1) refuse(list, `the range "${range}"`);
  return Array.from({ length: count }, (_, i) =>
    String(Number(first) + i).padStart(first.length, "0"),
  );
}

function refuse(list: string, found: string): never {
  throw new ConfigError(
    `initProcessGroup: a Slurm node list looks like node[01-04,7], got "${list}" with ${found}; ` +
      "set MASTER_ADDR yourself",
  );
}
