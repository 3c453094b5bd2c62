import { concat } from "../ir/build.ts";
import type { Node, NodeOf } from "../ir/node.ts";

/** Most parts that are looked for: sums are visited at every partial sum. */
const PART_LIMIT = 16;

/** One part of a sum of padded parts. */
interface Part {
  readonly dim: number;
  readonly start: number;
  readonly end: number;
  readonly value: Node;
}

/** The terms of a sum, or null if one of them is not padded. */
function paddedTerms(sum: Node): NodeOf<"pad">[] | null {
  const found: NodeOf<"pad">[] = [];
  const pending = [sum];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.op === "add") pending.push(...node.src);
    else if (node.op !== "pad" || found.push(node) > PART_LIMIT) return null;
  }
  return found;
}

/** A term that is zeros but for a range along one dim. */
function partOf({ src: [value], shape, attrs }: NodeOf<"pad">): Part | null {
  const { low, high, interior } = attrs;
  const dims = shape.flatMap((_, dim) => (low[dim] > 0 || high[dim] > 0 ? [dim] : []));
  if (dims.length !== 1 || attrs.value !== 0 || interior.some((gap) => gap > 0)) return null;
  const [dim] = dims;
  return { dim, start: low[dim], end: shape[dim] - high[dim], value };
}

/**
 * A sum of parts that are padded with zeros to stand side by side is their concatenation: what the
 * gradient of cutting a tensor into pieces looks like. The sum would compute every part everywhere.
 */
export function joinPads(node: Node): Node | undefined {
  if (node.op !== "add" || node.src.every((source) => source.op !== "pad")) return undefined;
  const parts = paddedTerms(node)?.map(partOf);
  if (parts === undefined) return undefined;
  const ordered: Part[] = [];
  for (const part of parts) {
    if (part === null || part.dim !== parts[0]?.dim || part.start === part.end) return undefined;
    ordered.push(part);
  }
  ordered.sort((a, b) => a.start - b.start);
  const { dim } = ordered[0];
  const tiles = ordered.every(({ start }, i) => start === (i === 0 ? 0 : ordered[i - 1].end));
  if (!tiles || ordered[ordered.length - 1].end !== node.shape[dim]) return undefined;
  return concat(
    ordered.map(({ value }) => value),
    dim,
  );
}
