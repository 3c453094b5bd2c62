import type { ForeignFunction, ForeignLibrary } from "./ffi.ts";

/** Functions of a library, declared on first use: parsing prototypes costs time. */
export class FunctionTable<Name extends string> {
  private readonly library: ForeignLibrary;
  private readonly prototypes: Readonly<Record<Name, string>>;
  private readonly declared: Map<Name, ForeignFunction> = new Map();

  constructor(library: ForeignLibrary, prototypes: Readonly<Record<Name, string>>) {
    this.library = library;
    this.prototypes = prototypes;
  }

  /** Whether the library has the function. */
  has(name: Name): boolean {
    return this.declared.has(name) || this.library.has(name);
  }

  get(name: Name): ForeignFunction {
    const known = this.declared.get(name);
    if (known !== undefined) return known;
    const declared = this.library.function(this.prototypes[name]);
    this.declared.set(name, declared);
    return declared;
  }
}
