/** Collects a pickle of protocol 2, which every torch since 0.4 reads. */
export class PickleWriter {
  readonly #parts: Uint8Array[] = [Uint8Array.of(0x80, 2)];

  /** An opcode and the bytes after it. */
  op(code: string, ...bytes: readonly number[]): this {
    this.#parts.push(Uint8Array.of(code.charCodeAt(0), ...bytes));
    return this;
  }

  /** A class or function by module and name. */
  global(module: string, name: string): this {
    return this.op("c").#raw(`${module}\n${name}\n`);
  }

  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    this.op("X", ...littleEndian(BigInt(bytes.byteLength), 4));
    this.#parts.push(bytes);
    return this;
  }

  bool(value: boolean): this {
    return this.op(value ? "\x88" : "\x89");
  }

  /** A whole number of any size. */
  integer(value: number | bigint): this {
    const wide = BigInt(value);
    if (BigInt.asIntN(32, wide) === wide) return this.op("J", ...littleEndian(wide, 4));
    let length = 1;
    while (BigInt.asIntN(8 * length, wide) !== wide) length++;
    return this.op("\x8a", length, ...littleEndian(wide, length));
  }

  float(value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value);
    return this.op("G", ...bytes);
  }

  /** A tuple of whole numbers. */
  integers(values: readonly number[]): this {
    this.op("(");
    for (const value of values) this.integer(value);
    return this.op("t");
  }

  /** The whole pickle. */
  finish(): Uint8Array {
    this.op(".");
    const whole = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.byteLength, 0));
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.byteLength;
    }
    return whole;
  }

  #raw(text: string): this {
    this.#parts.push(new TextEncoder().encode(text));
    return this;
  }
}

function littleEndian(value: bigint, length: number): number[] {
  const bits = BigInt.asUintN(8 * length, value);
  return Array.from({ length }, (_, i) => Number((bits >> BigInt(8 * i)) & 255n));
}
