import type { DType } from "./dtype.ts";
import type { Op, OpAttrs } from "./ops.ts";
import { inferType } from "./type-rules.ts";
import type { Shape } from "./shape.ts";

/** One operation of the graph, typed by its op so that `attrs` narrows in a switch. */
export interface OpNode<K extends Op> {
  /** Creation order: an operand's id is always smaller than its user's. */
  readonly id: number;
  readonly op: K;
  readonly src: readonly Node[];
  readonly attrs: OpAttrs[K];
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Immutable, interned vertex of the graph: equal operations over equal operands are one object. */
export type Node = { [K in Op]: OpNode<K> }[Op];

/** Node of one given op. */
export type NodeOf<K extends Op> = Extract<Node, { op: K }>;

let nextId = 0;
const interned = new Map<string, WeakRef<Node>>();
const collected = new FinalizationRegistry<string>((key) => {
  if (interned.get(key)?.deref() === undefined) interned.delete(key);
});

/** Id the next new node will get: nodes with smaller ids existed before. */
export function nodeCounter(): number {
  return nextId;
}

function attributeText(value: unknown): string {
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (Array.isArray(value)) return `[${value.map(attributeText).join(",")}]`;
  return String(value);
}

const attributeKeys = new WeakMap<object, string>();

/** Attributes as canonical text: part of a node's identity and of structural cache keys. */
export function attributesKey(attrs: object): string {
  const known = attributeKeys.get(attrs);
  if (known !== undefined) return known;
  const entries = Object.entries(attrs);
  if (entries.length > 1) entries.sort(([a], [b]) => (a < b ? -1 : 1));
  let key = "";
  for (const [name, value] of entries) key += `${name}=${attributeText(value)};`;
  attributeKeys.set(attrs, key);
  return key;
}

/**
 * Makes or finds the node `op(src, attrs)`.
 * @param dtype - only for leaves and ops whose dtype the operands do not decide.
 * @throws {ShapeError | DTypeError} if the op's rule refuses its operands.
 */
export function makeNode<K extends Op>(
  op: K,
  src: readonly Node[],
  attrs: OpAttrs[K],
  leaf?: { readonly shape?: Shape; readonly dtype?: DType },
): Node {
  const sources = src.map((node) => node.id).join(",");
  const key = `${op}|${sources}|${attributesKey(attrs)}|${leaf?.dtype ?? ""}`;
  const found = interned.get(key)?.deref();
  if (found !== undefined) return found;
  const type = inferType(op, src, attrs, leaf);
  const node = Object.freeze({ id: nextId++, op, src, attrs, ...type }) as unknown as Node;
  interned.set(key, new WeakRef(node));
  collected.register(node, key);
  return node;
}
