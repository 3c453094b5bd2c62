import { CompileError } from "../../base/errors.ts";
import { ByteWriter } from "./assembler-bytes.ts";
import { laneCodes, memoryAligns, memoryCodes, plainCodes } from "./assembler-opcodes.ts";
import type {
  AtomicOp,
  LaneOp,
  LoadOp,
  MemoryLaneOp,
  MemoryOp,
  PlainOp,
  StoreOp,
} from "./assembler-opcodes.ts";

export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

/** Binary codes of the value types. */
export const valueTypeCodes: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** A callable function of a module under construction. */
export interface FunctionRef {
  readonly index: number;
  readonly name: string | null;
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** A global variable of a module under construction. */
export interface GlobalRef {
  readonly index: number;
  readonly type: ValueType;
}

/** A branch target; valid only inside the callback that received it. */
export interface Label {
  readonly depth: number;
}

/** Gives the index of a function type, adding it to the module when new. */
export type TypeInterner = (params: readonly ValueType[], results: readonly ValueType[]) => number;

const EMPTY_BLOCK = 0x40;

/**
 * Writes the body of one function. Every method emits one instruction (or one structured
 * construct) and returns the builder, so stack code reads left to right:
 * `f.get(a).get(b).emit("i32.add").set(sum)`.
 */
export class FunctionBuilder {
  readonly params: readonly ValueType[];
  private readonly body: ByteWriter = new ByteWriter();
  private readonly typeOf: TypeInterner;
  private readonly types: ValueType[];
  private readonly free: Map<ValueType, number[]> = new Map();
  private depth: number = 0;

  constructor(params: readonly ValueType[], typeOf: TypeInterner) {
    this.params = params;
    this.types = [...params];
    this.typeOf = typeOf;
  }

  /** A local of `type`: a released one when there is any. Its value is undefined, not zero. */
  local(type: ValueType): number {
    const reused = this.free.get(type)?.pop();
    if (reused !== undefined) return reused;
    return this.types.push(type) - 1;
  }

  /** `count` locals of `type`. */
  locals(type: ValueType, count: number): number[] {
    return Array.from({ length: count }, () => this.local(type));
  }

  /** Gives locals back for reuse by a later `local` of the same type. */
  release(...indices: readonly number[]): this {
    for (const index of indices) {
      const type = this.types[index];
      const pool = this.free.get(type) ?? [];
      if (type === undefined || pool.includes(index)) {
        throw new CompileError(`release: local must be live, got ${index}; release it once`);
      }
      pool.push(index);
      this.free.set(type, pool);
    }
    return this;
  }

  typeOfLocal(index: number): ValueType {
    return this.types[index];
  }

  get(local: number): this {
    return this.withIndex(0x20, local);
  }

  set(local: number): this {
    return this.withIndex(0x21, local);
  }

  tee(local: number): this {
    return this.withIndex(0x22, local);
  }

  globalGet(global: GlobalRef): this {
    return this.withIndex(0x23, global.index);
  }

  globalSet(global: GlobalRef): this {
    return this.withIndex(0x24, global.index);
  }

  /** Instructions without immediates, in order. */
  emit(...ops: readonly PlainOp[]): this {
    for (const op of ops) this.code(plainCodes.get(op), op);
    return this;
  }

  /** A load: pops the address, pushes the value at address + offset. */
  load(op: LoadOp, offset: number = 0, align?: number): this {
    return this.access(op, offset, align);
  }

  /** A store: pops the value, then the address below it. */
  store(op: StoreOp, offset: number = 0, align?: number): this {
    return this.access(op, offset, align);
  }

  /** An atomic access; alignment is always natural, as the format requires. */
  atomic(op: AtomicOp, offset: number = 0): this {
    return this.access(op, offset);
  }

  /** Orders all earlier memory accesses before all later ones, in every thread. */
  fence(): this {
    this.code(0xfe0003, "atomic.fence");
    this.body.byte(0);
    return this;
  }

  /** `v128.load*_lane` and `v128.store*_lane`. */
  memoryLane(op: MemoryLaneOp, lane: number, offset: number = 0, align?: number): this {
    this.access(op, offset, align);
    this.body.byte(lane);
    return this;
  }

  /** Extract or replace one lane. */
  lane(op: LaneOp, lane: number): this {
    this.code(laneCodes.get(op), op);
    this.body.byte(lane);
    return this;
  }

  /** `i8x16.shuffle`: byte i of the result is byte `lanes[i]` of the 32 bytes of both operands. */
  shuffle(lanes: readonly number[]): this {
    if (lanes.length !== 16) {
      throw new CompileError(`shuffle: needs 16 byte lanes, got ${lanes.length}`);
    }
    this.code(0xfd000d, "i8x16.shuffle");
    for (const lane of lanes) this.body.byte(lane);
    return this;
  }

  /** Shuffle of 32-bit lanes: 0-3 name the first operand's lanes, 4-7 the second's. */
  shuffle32(a: number, b: number, c: number, d: number): this {
    return this.shuffle(
      [a, b, c, d].flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
    );
  }

  i32(value: number): this {
    this.body.byte(0x41);
    this.body.s32(value);
    return this;
  }

  i64(value: number | bigint): this {
    this.body.byte(0x42);
    this.body.s64(BigInt(value));
    return this;
  }

  f32(value: number): this {
    this.body.byte(0x43);
    this.body.f32(value);
    return this;
  }

  f64(value: number): this {
    this.body.byte(0x44);
    this.body.f64(value);
    return this;
  }

  /** A vector constant from its 16 bytes. */
  v128(bytes: Uint8Array): this {
    if (bytes.length !== 16) {
      throw new CompileError(`v128.const: needs 16 bytes, got ${bytes.length}`);
    }
    this.code(0xfd000c, "v128.const");
    this.body.append(bytes);
    return this;
  }

  /** A scalar constant of a type chosen at generation time. */
  const(type: Exclude<ValueType, "v128">, value: number): this {
    return this[type](value);
  }

  /** `block`: a branch to the label leaves it. */
  block(body: (label: Label) => void, result?: ValueType): this {
    return this.structure(0x02, body, result);
  }

  /** `loop`: a branch to the label starts the next round. */
  loop(body: (label: Label) => void, result?: ValueType): this {
    return this.structure(0x03, body, result);
  }

  /** Pops an i32 condition. With a `result` type both arms must leave one value. */
  if(
    then: (label: Label) => void,
    otherwise?: ((label: Label) => void) | null,
    result?: ValueType,
  ): this {
    return this.structure(
      0x04,
      (label) => {
        then(label);
        if (otherwise === undefined || otherwise === null) return;
        this.body.byte(0x05);
        otherwise(label);
      },
      result,
    );
  }

  br(label: Label): this {
    return this.withIndex(0x0c, this.distance(label));
  }

  /** Pops an i32 and branches when it is not zero. */
  brIf(label: Label): this {
    return this.withIndex(0x0d, this.distance(label));
  }

  /** Pops an i32 and branches to `labels[it]`, or to `otherwise` when out of range. */
  brTable(labels: readonly Label[], otherwise: Label): this {
    this.withIndex(0x0e, labels.length);
    for (const label of labels) this.body.u32(this.distance(label));
    this.body.u32(this.distance(otherwise));
    return this;
  }

  call(callee: FunctionRef): this {
    return this.withIndex(0x10, callee.index);
  }

  /** Pops the table index (on top), then the arguments. */
  callIndirect(
    params: readonly ValueType[],
    results: readonly ValueType[],
    table: number = 0,
  ): this {
    this.withIndex(0x11, this.typeOf(params, results));
    this.body.u32(table);
    return this;
  }

  memorySize(): this {
    return this.withIndex(0x3f, 0);
  }

  /** Pops length, source, destination. */
  memoryCopy(): this {
    this.code(0xfc000a, "memory.copy");
    this.body.byte(0);
    this.body.byte(0);
    return this;
  }

  /** Pops length, byte value, destination. */
  memoryFill(): this {
    this.code(0xfc000b, "memory.fill");
    this.body.byte(0);
    return this;
  }

  /** The finished body: local declarations, code, end. */
  finish(): Uint8Array {
    if (this.depth !== 0) throw new CompileError("finish: a block is still open");
    const out = new ByteWriter(this.body.length + 32);
    const runs: [ValueType, number][] = [];
    for (const type of this.types.slice(this.params.length)) {
      const last = runs.at(-1);
      if (last !== undefined && last[0] === type) last[1]++;
      else runs.push([type, 1]);
    }
    out.u32(runs.length);
    for (const [type, count] of runs) {
      out.u32(count);
      out.byte(valueTypeCodes[type]);
    }
    out.append(this.body.written());
    out.byte(0x0b);
    return out.written();
  }

  private code(code: number | undefined, op: string): void {
    if (code === undefined) throw new CompileError(`emit: unknown instruction "${op}"`);
    if (code < 0x10000) {
      this.body.byte(code);
      return;
    }
    this.body.byte(code >> 16);
    this.body.u32(code & 0xffff);
  }

  private withIndex(opcode: number, index: number): this {
    this.body.byte(opcode);
    this.body.u32(index);
    return this;
  }

  private access(op: MemoryOp, offset: number, align?: number): this {
    this.code(memoryCodes.get(op), op);
    this.body.u32(align ?? memoryAligns.get(op) ?? 0);
    this.body.u32(offset);
    return this;
  }

  private structure(opcode: number, body: (label: Label) => void, result?: ValueType): this {
    this.body.byte(opcode);
    this.body.byte(result === undefined ? EMPTY_BLOCK : valueTypeCodes[result]);
    this.depth++;
    body({ depth: this.depth });
    this.depth--;
    this.body.byte(0x0b);
    return this;
  }

  private distance(label: Label): number {
    if (label.depth > this.depth) {
      throw new CompileError("br: the label's block is closed; branch from inside it");
    }
    return this.depth - label.depth;
  }
}
