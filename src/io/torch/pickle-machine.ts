import type { CheckpointError } from "../../base/errors.ts";
import type { ByteCursor } from "../byte-cursor.ts";
import { decodeUtf8 } from "../byte-cursor.ts";
import type { PickleGlobal } from "./pickle-values.ts";
import {
  isPickleGlobal,
  isStateful,
  PickleDict,
  PickleObject,
  PickleSet,
  PickleTuple,
} from "./pickle-values.ts";

/** What a pickle may refer to outside itself. */
export interface PickleWorld {
  /** A class or function by `"module.name"`. @throws to refuse it. */
  findGlobal(name: string): PickleGlobal;
  /** What a persistent id stands for. */
  load(id: unknown): unknown;
}

/** Longest integer that is read, in bytes: enough for 128 bits and every hash. */
const maxIntegerBytes = 256;

/**
 * Reads one pickle, protocols 0 to 5. It is data for this machine, not a program for the
 * interpreter that calls it: globals are looked up in a table, and only what the table gives can
 * be called.
 *
 * @throws {CheckpointError} if the pickle is damaged or `world` refuses it.
 * @see https://docs.python.org/3/library/pickletools.html
 */
export function readPickle(cursor: ByteCursor, world: PickleWorld): unknown {
  const machine = new PickleMachine(cursor, world);
  for (;;) {
    const code = cursor.u8();
    if (code === stop) return machine.pop();
    const run = opcodes[code];
    if (run === undefined) throw machine.fail(`opcode 0x${code.toString(16)}`);
    run(machine, cursor);
  }
}

class PickleMachine {
  readonly cursor: ByteCursor;
  readonly world: PickleWorld;
  readonly memo = new Map<number, unknown>();
  stack: unknown[] = [];
  #copied = 0;
  /** Stacks below a mark. */
  readonly #below: unknown[][] = [];

  constructor(cursor: ByteCursor, world: PickleWorld) {
    this.cursor = cursor;
    this.world = world;
  }

  fail(got: string): CheckpointError {
    return this.cursor.damaged(`the pickle must be valid at byte ${this.cursor.at}`, got);
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    if (this.stack.length === 0) throw this.fail("an empty stack");
    return this.stack.pop();
  }

  top(): unknown {
    if (this.stack.length === 0) throw this.fail("an empty stack");
    return this.stack[this.stack.length - 1];
  }

  mark(): void {
    this.#below.push(this.stack);
    this.stack = [];
  }

  /** What was pushed since the last mark, which is removed. */
  popMark(): unknown[] {
    const items = this.stack;
    const below = this.#below.pop();
    if (below === undefined) throw this.fail("no mark");
    this.stack = below;
    return items;
  }

  call(callee: unknown, args: unknown): void {
    if (!isPickleGlobal(callee) || !(args instanceof PickleTuple)) {
      throw this.fail("a call of something that is no class or function");
    }
    if (callee.call === undefined) throw this.fail(`a call of ${callee.name}`);
    for (const arg of args.items) this.#charge(arg);
    this.push(callee.call(args.items));
  }

  setItems(target: unknown, items: readonly unknown[]): void {
    const dict = target instanceof PickleObject ? target.entries : target;
    if (!(dict instanceof PickleDict)) throw this.fail("items of something that is no dict");
    if (items.length % 2 !== 0) throw this.fail("a key without a value");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  }

  append(target: unknown, items: readonly unknown[]): void {
    const list = target instanceof PickleObject ? target.items : target;
    if (!Array.isArray(list)) throw this.fail("elements of something that is no list");
    for (const item of items) list.push(item);
  }

  remember(index: number): void {
    this.memo.set(index, this.top());
  }

  recall(index: number): void {
    if (!this.memo.has(index)) throw this.fail(`memo ${index}, which is not set`);
    this.push(this.memo.get(index));
  }

  build(): void {
    const state = this.pop();
    const target = this.top();
    // Attributes of a dict, such as the _metadata of a state dict, have no place here.
    if (target instanceof PickleDict) return;
    if (!isStateful(target)) throw this.fail("state for something that takes none");
    if (state instanceof PickleTuple) for (const part of state.items) this.#charge(part);
    target.setState(state);
  }

  /**
   * Calls copy what they are given. In a pickle that somebody wrote with a pickler they get most
   * things once; a few bytes that give something large again and again are an attack.
   */
  #charge(value: unknown): void {
    this.#copied += sizeOf(value);
    if (this.#copied > maxCopies * this.cursor.bytes.length + 2 ** 20) {
      throw this.fail("calls that copy far more than the pickle holds");
    }
  }

  line(): string {
    return latin1(this.cursor.line());
  }

  integer(bytes: Uint8Array): void {
    if (bytes.length > maxIntegerBytes) throw this.fail(`an integer of ${bytes.length} bytes`);
    let value = 0n;
    for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
    this.push(shortest(BigInt.asIntN(8 * bytes.length, value)));
  }

  /** The integer on a line, which may end in L; "00" and "01" of protocol 0 are bools. */
  integerLine(): void {
    const text = this.line();
    if (text === "00" || text === "01") return this.push(text === "01");
    if (!/^[+-]?\d{1,600}L?$/.test(text)) throw this.fail(`"${text.slice(0, 20)}"`);
    this.push(shortest(BigInt(text.replace(/^\+|L$/g, ""))));
  }

  index(): number {
    const text = this.line();
    if (!/^\d{1,15}$/.test(text)) throw this.fail(`memo "${text.slice(0, 20)}"`);
    return Number(text);
  }
}

const maxCopies = 8;

function sizeOf(value: unknown): number {
  if (typeof value === "string" || value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return value.length;
  if (value instanceof PickleTuple || value instanceof PickleSet) return value.items.length;
  return value instanceof PickleDict ? value.size : 0;
}

function shortest(value: bigint): number | bigint {
  return BigInt.asIntN(54, value) === value ? Number(value) : value;
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** Strings of Python 2 are bytes: UTF-8 if they can be. */
function byteString(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch {
    return latin1(bytes);
  }
}

/** The contents of a quoted string as `repr` of Python 2 writes it. */
function unquoted(text: string): string | undefined {
  const [, , inner] = /^(['"])(.*)\1$/s.exec(text) ?? [];
  return inner?.replace(/\\(?:x([\da-f]{2})|(.))/gis, (_, hex?: string, char = "") =>
    hex === undefined ? (simpleEscapes[char] ?? char) : String.fromCharCode(parseInt(hex, 16)),
  );
}

const simpleEscapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

function rawUnicode(text: string): string {
  return text.replace(
    /\\u([\da-f]{4})|\\U([\da-f]{8})/gi,
    (whole, four?: string, eight?: string) => {
      const code = parseInt(four ?? eight ?? "", 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}

const stop = 0x2e;

type Opcode = (machine: PickleMachine, cursor: ByteCursor) => void;

const byName: Readonly<Record<string, Opcode>> = {
  "(": (m) => m.mark(),
  "0": (m) => void m.pop(),
  "1": (m) => void m.popMark(),
  "2": (m) => m.push(m.top()),
  N: (m) => m.push(null),
  I: (m) => m.integerLine(),
  L: (m) => m.integerLine(),
  J: (m, c) => m.push(c.i32()),
  K: (m, c) => m.push(c.u8()),
  M: (m, c) => m.push(c.u16()),
  F: (m) => {
    const text = m.line();
    const value = Number(text.replace(/inf$/, "Infinity"));
    if (text === "" || (Number.isNaN(value) && !text.endsWith("nan")))
      throw m.fail(`"${text.slice(0, 20)}"`);
    m.push(value);
  },
  G: (m, c) => {
    c.littleEndian = false;
    m.push(c.f64());
    c.littleEndian = true;
  },
  S: (m) => {
    const text = unquoted(m.line());
    if (text === undefined) throw m.fail("a string without quotes");
    m.push(text);
  },
  T: (m, c) => m.push(byteString(c.take(c.u32()))),
  U: (m, c) => m.push(byteString(c.take(c.u8()))),
  V: (m) => m.push(rawUnicode(m.line())),
  X: (m, c) => m.push(c.text(c.u32())),
  B: (m, c) => m.push(c.take(c.u32()).slice()),
  C: (m, c) => m.push(c.take(c.u8()).slice()),
  "]": (m) => m.push([]),
  "}": (m) => m.push(new PickleDict()),
  ")": (m) => m.push(new PickleTuple([])),
  l: (m) => m.push(m.popMark()),
  t: (m) => m.push(new PickleTuple(m.popMark())),
  d: (m) => {
    const items = m.popMark();
    const dict = new PickleDict();
    m.setItems(dict, items);
    m.push(dict);
  },
  a: (m) => {
    const item = m.pop();
    m.append(m.top(), [item]);
  },
  e: (m) => {
    const items = m.popMark();
    m.append(m.top(), items);
  },
  s: (m) => {
    const value = m.pop();
    const key = m.pop();
    m.setItems(m.top(), [key, value]);
  },
  u: (m) => {
    const items = m.popMark();
    m.setItems(m.top(), items);
  },
  p: (m) => m.remember(m.index()),
  q: (m, c) => m.remember(c.u8()),
  r: (m, c) => m.remember(c.u32()),
  g: (m) => m.recall(m.index()),
  h: (m, c) => m.recall(c.u8()),
  j: (m, c) => m.recall(c.u32()),
  c: (m) => {
    const module = m.line();
    m.push(m.world.findGlobal(`${module}.${m.line()}`));
  },
  R: (m) => {
    const args = m.pop();
    m.call(m.pop(), args);
  },
  i: (m) => {
    const module = m.line();
    const callee = m.world.findGlobal(`${module}.${m.line()}`);
    m.call(callee, new PickleTuple(m.popMark()));
  },
  o: (m) => {
    const [callee, ...args] = m.popMark();
    m.call(callee, new PickleTuple(args));
  },
  b: (m) => m.build(),
  P: (m) => m.push(m.world.load(m.line())),
  Q: (m) => m.push(m.world.load(m.pop())),
  "\x80": (m, c) => {
    const protocol = c.u8();
    if (protocol > 5) throw m.fail(`protocol ${protocol}`);
  },
  "\x81": (m) => {
    const args = m.pop();
    m.call(m.pop(), args);
  },
  "\x85": (m) => m.push(new PickleTuple([m.pop()])),
  "\x86": (m) => {
    const [b, a] = [m.pop(), m.pop()];
    m.push(new PickleTuple([a, b]));
  },
  "\x87": (m) => {
    const [c, b, a] = [m.pop(), m.pop(), m.pop()];
    m.push(new PickleTuple([a, b, c]));
  },
  "\x88": (m) => m.push(true),
  "\x89": (m) => m.push(false),
  "\x8a": (m, c) => m.integer(c.take(c.u8())),
  "\x8b": (m, c) => m.integer(c.take(c.u32())),
  "\x8c": (m, c) => m.push(c.text(c.u8())),
  "\x8d": (m, c) => m.push(c.text(c.count())),
  "\x8e": (m, c) => m.push(c.take(c.count()).slice()),
  "\x8f": (m) => m.push(new PickleSet([])),
  "\x90": (m) => {
    const items = m.popMark();
    const set = m.top();
    if (!(set instanceof PickleSet)) throw m.fail("elements of something that is no set");
    for (const item of items) set.items.push(item);
  },
  "\x91": (m) => m.push(new PickleSet(m.popMark())),
  "\x92": (m) => {
    const options = m.pop();
    if (!(options instanceof PickleDict) || options.size > 0) throw m.fail("named arguments");
    const args = m.pop();
    m.call(m.pop(), args);
  },
  "\x93": (m) => {
    const [name, module] = [m.pop(), m.pop()];
    if (typeof name !== "string" || typeof module !== "string") throw m.fail("a nameless global");
    m.push(m.world.findGlobal(`${module}.${name}`));
  },
  "\x94": (m) => m.remember(m.memo.size),
  "\x95": (_, c) => void c.count(),
  "\x96": (m, c) => m.push(c.take(c.count()).slice()),
};

const opcodes: readonly (Opcode | undefined)[] = Array.from(
  { length: 256 },
  (_, code) => byName[String.fromCharCode(code)],
);
