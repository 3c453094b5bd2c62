import { CompileError } from "../../base/errors.ts";
import { ByteWriter } from "./assembler-bytes.ts";
import { FunctionBuilder, valueTypeCodes } from "./assembler-function.ts";
import type { FunctionRef, GlobalRef, ValueType } from "./assembler-function.ts";

/** Size of a memory in pages of 64 KiB; a shared one needs a `maximum`. */
export interface MemoryLimits {
  readonly initial: number;
  readonly maximum?: number;
  readonly shared?: boolean;
}

/** Size of a table of function references. */
export interface TableLimits {
  readonly initial: number;
  readonly maximum?: number;
}

interface Import {
  readonly module: string;
  readonly name: string;
  readonly describe: (out: ByteWriter) => void;
}

interface Definition {
  readonly ref: FunctionRef;
  body: Uint8Array | null;
}

const KIND = { function: 0, table: 1, memory: 2, global: 3 } as const;
const FUNCREF = 0x70;

function writeLimits(out: ByteWriter, limits: MemoryLimits): void {
  if (limits.shared === true && limits.maximum === undefined) {
    throw new CompileError("memory: a shared memory needs a maximum; give one in pages");
  }
  out.byte((limits.maximum === undefined ? 0 : 1) | (limits.shared === true ? 2 : 0));
  out.u32(limits.initial);
  if (limits.maximum !== undefined) out.u32(limits.maximum);
}

function writeTable(out: ByteWriter, limits: TableLimits): void {
  out.byte(FUNCREF);
  writeLimits(out, limits);
}

/**
 * Builds one WebAssembly module. Imports come before definitions, because they number first;
 * a function may be declared before it is defined, so that calls can go forward.
 */
export class ModuleBuilder {
  private readonly typeIndices: Map<string, number> = new Map();
  private readonly typeBytes: ByteWriter = new ByteWriter();
  private readonly imports: Import[] = [];
  private importedFunctions: number = 0;
  private importedGlobals: number = 0;
  private readonly definitions: Definition[] = [];
  private readonly tables: TableLimits[] = [];
  private importedTables: number = 0;
  private ownMemory: MemoryLimits | null = null;
  private readonly globals: { type: ValueType; mutable: boolean; value: number }[] = [];
  private readonly exports: { name: string; kind: number; index: number }[] = [];
  private readonly elements: { offset: number; functions: readonly FunctionRef[] }[] = [];
  private readonly segments: { offset: number; bytes: Uint8Array }[] = [];

  importMemory(module: string, name: string, limits: MemoryLimits): void {
    this.addImport(module, name, (out) => {
      out.byte(KIND.memory);
      writeLimits(out, limits);
    });
  }

  /** Imports a table of function references and returns its index. */
  importTable(module: string, name: string, limits: TableLimits): number {
    if (this.tables.length > 0) throw new CompileError("importTable: import before defining");
    this.addImport(module, name, (out) => {
      out.byte(KIND.table);
      writeTable(out, limits);
    });
    return this.importedTables++;
  }

  importFunction(
    module: string,
    name: string,
    params: readonly ValueType[],
    results: readonly ValueType[],
  ): FunctionRef {
    if (this.definitions.length > 0) {
      throw new CompileError(`importFunction: "${name}" must come before all definitions`);
    }
    const type = this.type(params, results);
    this.addImport(module, name, (out) => {
      out.byte(KIND.function);
      out.u32(type);
    });
    return { index: this.importedFunctions++, name, params, results };
  }

  importGlobal(module: string, name: string, type: ValueType, mutable: boolean = false): GlobalRef {
    if (this.globals.length > 0) throw new CompileError("importGlobal: import before defining");
    this.addImport(module, name, (out) => {
      out.byte(KIND.global);
      out.byte(valueTypeCodes[type]);
      out.byte(mutable ? 1 : 0);
    });
    return { index: this.importedGlobals++, type };
  }

  /** Defines the module's own memory (instead of importing one). */
  memory(limits: MemoryLimits): void {
    this.ownMemory = limits;
  }

  /** Defines a table of function references and returns its index. */
  table(limits: TableLimits): number {
    return this.importedTables + this.tables.push(limits) - 1;
  }

  /** Defines a scalar global with a constant initial value. */
  global(type: Exclude<ValueType, "v128">, value: number, mutable: boolean = true): GlobalRef {
    const index = this.importedGlobals + this.globals.push({ type, mutable, value }) - 1;
    return { index, type };
  }

  /** Reserves a function index, for calls that go forward; `define` gives it a body. */
  declare(
    name: string | null,
    params: readonly ValueType[],
    results: readonly ValueType[],
  ): FunctionRef {
    this.type(params, results);
    const index = this.importedFunctions + this.definitions.length;
    const ref: FunctionRef = { index, name, params, results };
    this.definitions.push({ ref, body: null });
    return ref;
  }

  /** Writes the body of a declared function. */
  define(ref: FunctionRef, write: (f: FunctionBuilder) => void): void {
    const definition = this.definitions[ref.index - this.importedFunctions];
    if (definition?.ref !== ref || definition.body !== null) {
      throw new CompileError(`define: "${ref.name}" must be declared here and defined once`);
    }
    const f = new FunctionBuilder(ref.params, (params, results) => this.type(params, results));
    write(f);
    definition.body = f.finish();
  }

  /** Declares and defines a function. A name is for debuggers; `export` makes it callable. */
  function(
    name: string | null,
    params: readonly ValueType[],
    results: readonly ValueType[],
    write: (f: FunctionBuilder) => void,
  ): FunctionRef {
    const ref = this.declare(name, params, results);
    this.define(ref, write);
    return ref;
  }

  /** Exports a function under its own name or under `name`. */
  export(ref: FunctionRef, name: string | null = ref.name): void {
    if (name === null) throw new CompileError("export: an unnamed function needs a name");
    this.exports.push({ name, kind: KIND.function, index: ref.index });
  }

  exportMemory(name: string): void {
    this.exports.push({ name, kind: KIND.memory, index: 0 });
  }

  exportTable(name: string, table: number = 0): void {
    this.exports.push({ name, kind: KIND.table, index: table });
  }

  exportGlobal(ref: GlobalRef, name: string): void {
    this.exports.push({ name, kind: KIND.global, index: ref.index });
  }

  /** Puts functions into table 0 from `offset` on, at instantiation. */
  element(offset: number, functions: readonly FunctionRef[]): void {
    this.elements.push({ offset, functions });
  }

  /** Copies bytes into memory at `offset`, at instantiation. */
  data(offset: number, bytes: Uint8Array): void {
    this.segments.push({ offset, bytes });
  }

  /** The module's bytes. `names` adds the function names for profilers and stack traces. */
  build(options: { readonly names?: boolean } = {}): Uint8Array {
    const out = new ByteWriter(1024);
    out.append(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
    this.section(out, 1, this.typeIndices.size, (s) => s.append(this.typeBytes.written()));
    this.section(out, 2, this.imports.length, (s) => {
      for (const entry of this.imports) {
        s.text(entry.module);
        s.text(entry.name);
        entry.describe(s);
      }
    });
    this.section(out, 3, this.definitions.length, (s) => {
      for (const { ref } of this.definitions) s.u32(this.type(ref.params, ref.results));
    });
    this.section(out, 4, this.tables.length, (s) => {
      for (const limits of this.tables) writeTable(s, limits);
    });
    const { ownMemory } = this;
    if (ownMemory !== null) this.section(out, 5, 1, (s) => writeLimits(s, ownMemory));
    this.section(out, 6, this.globals.length, (s) => this.writeGlobals(s));
    this.section(out, 7, this.exports.length, (s) => {
      for (const { name, kind, index } of this.exports) {
        s.text(name);
        s.byte(kind);
        s.u32(index);
      }
    });
    this.section(out, 9, this.elements.length, (s) => this.writeElements(s));
    this.section(out, 10, this.definitions.length, (s) => this.writeBodies(s));
    this.section(out, 11, this.segments.length, (s) => {
      for (const { offset, bytes } of this.segments) {
        s.byte(0);
        this.writeOffset(s, offset);
        s.sized(bytes);
      }
    });
    if (options.names !== false) this.writeNames(out);
    return out.written().slice();
  }

  private addImport(module: string, name: string, describe: (out: ByteWriter) => void): void {
    this.imports.push({ module, name, describe });
  }

  private type(params: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${params.join()}>${results.join()}`;
    const known = this.typeIndices.get(key);
    if (known !== undefined) return known;
    const out = this.typeBytes;
    out.byte(0x60);
    for (const types of [params, results]) {
      out.u32(types.length);
      for (const type of types) out.byte(valueTypeCodes[type]);
    }
    this.typeIndices.set(key, this.typeIndices.size);
    return this.typeIndices.size - 1;
  }

  private section(
    out: ByteWriter,
    id: number,
    count: number,
    write: (section: ByteWriter) => void,
  ): void {
    if (count === 0) return;
    const section = new ByteWriter();
    section.u32(count);
    write(section);
    out.byte(id);
    out.sized(section.written());
  }

  private writeGlobals(out: ByteWriter): void {
    for (const { type, mutable, value } of this.globals) {
      out.byte(valueTypeCodes[type]);
      out.byte(mutable ? 1 : 0);
      if (type === "i32") {
        out.byte(0x41);
        out.s32(value);
      } else if (type === "i64") {
        out.byte(0x42);
        out.s64(BigInt(value));
      } else if (type === "f32") {
        out.byte(0x43);
        out.f32(value);
      } else {
        out.byte(0x44);
        out.f64(value);
      }
      out.byte(0x0b);
    }
  }

  private writeElements(out: ByteWriter): void {
    for (const { offset, functions } of this.elements) {
      out.byte(0);
      this.writeOffset(out, offset);
      out.u32(functions.length);
      for (const ref of functions) out.u32(ref.index);
    }
  }

  private writeOffset(out: ByteWriter, offset: number): void {
    out.byte(0x41);
    out.s32(offset);
    out.byte(0x0b);
  }

  private writeBodies(out: ByteWriter): void {
    for (const { ref, body } of this.definitions) {
      if (body === null) {
        throw new CompileError(`build: function "${ref.name}" is declared but never defined`);
      }
      out.sized(body);
    }
  }

  private writeNames(out: ByteWriter): void {
    const named = this.definitions.filter(({ ref }) => ref.name !== null);
    if (named.length === 0) return;
    const map = new ByteWriter();
    map.u32(named.length);
    for (const { ref } of named) {
      map.u32(ref.index);
      map.text(ref.name ?? "");
    }
    const section = new ByteWriter();
    section.text("name");
    section.byte(1);
    section.sized(map.written());
    out.byte(0);
    out.sized(section.written());
  }
}
