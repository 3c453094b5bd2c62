import type { FunctionBuilder } from "./assembler-function.ts";

/**
 * Locals that hold values already computed, by loop level: leaving a level forgets (and frees)
 * what was computed inside it, because it no longer holds.
 */
export class Scopes {
  private readonly f: FunctionBuilder;
  private readonly levels: Map<string, number>[] = [new Map()];

  constructor(f: FunctionBuilder) {
    this.f = f;
  }

  find(key: string): number | undefined {
    for (let i = this.levels.length - 1; i >= 0; i--) {
      const local = this.levels[i].get(key);
      if (local !== undefined) return local;
    }
    return undefined;
  }

  /** Remembers a local at the current level, which then owns it. */
  keep(key: string, local: number): void {
    this.levels[this.levels.length - 1].set(key, local);
  }

  /** Runs `body` on a level of its own. */
  within(body: () => void): void {
    this.levels.push(new Map());
    body();
    const level = this.levels.pop();
    if (level !== undefined) this.f.release(...new Set(level.values()));
  }
}
