import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { Form } from "../affine.ts";
import { formKey, formRange, normalizeForm } from "../affine.ts";
import type { Statement } from "../kernel.ts";

type Store = Extract<Statement, { kind: "store" }>;

const WIDTHS = [8, 4, 2];
const VECTOR_BYTES = 16;

/**
 * Stores of a point whose places are neighbours: whole vectors of them, in order. What is in none
 * is not mentioned.
 */
export function packStores(
  statements: readonly Statement[],
  alignmentOf: (value: Node) => number,
): readonly (readonly Store[])[] {
  const byPlace = new Map<string, Store>();
  const isPlain = (part: Statement): part is Store => part.kind === "store" && !part.accumulate;
  for (const part of statements.filter(isPlain)) byPlace.set(placeKey(part, 0), part);
  const packed = new Set<Store>();
  const groups: Store[][] = [];
  for (const part of byPlace.values()) {
    const width = WIDTHS.find((count) => isAligned(part, count, alignmentOf(part.target)));
    for (let count = width ?? 1; count > 1; count /= 2) {
      const group = Array.from({ length: count }, (_, i) => byPlace.get(placeKey(part, i)));
      const found = group.filter((other) => other !== undefined && !packed.has(other)) as Store[];
      if (found.length < count) continue;
      for (const other of found) packed.add(other);
      groups.push(found);
      break;
    }
  }
  return groups;
}

const placeKey = ({ target, form }: Store, ahead: number): string => {
  const normal = normalizeForm(form);
  return `${target.id} ${formKey({ ...normal, offset: normal.offset + ahead })}`;
};

/** Whether `count` elements from the store's place on are one vector that lies as it must. */
function isAligned({ target, form: unsplit }: Store, count: number, alignment: number): boolean {
  const form: Form = normalizeForm(unsplit);
  const [low, high] = formRange(form);
  const bytes = count * dtypeBytes(target.dtype);
  const steps = [form.offset, ...form.terms.map(({ stride }) => stride)];
  return (
    bytes <= VECTOR_BYTES &&
    alignment % bytes === 0 &&
    steps.every((step) => step % count === 0) &&
    low >= 0 &&
    high + count <= numel(target.shape)
  );
}
