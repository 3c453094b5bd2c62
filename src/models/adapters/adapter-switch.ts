import { guard } from "../../tensor/jit.ts";

const none: readonly string[] = [];

/** Which adapters act now. Jitted functions follow, with one program for each state. */
export class AdapterSwitch {
  #active: readonly string[] = none;
  #disabled = 0;

  /** Names of the adapters that act, in order; none while they are disabled. */
  get acting(): readonly string[] {
    return guard(() => (this.#disabled > 0 ? none : this.#active));
  }

  /** Names of the adapters that act when nothing disables them. */
  get active(): readonly string[] {
    return this.#active;
  }

  set active(names: readonly string[]) {
    this.#active = [...names];
  }

  /** Calls `fn` while no adapter acts; if it gives a promise, until that is settled. */
  without<R>(fn: () => R): R {
    this.#disabled++;
    let result: R;
    try {
      result = fn();
    } catch (error) {
      this.#disabled--;
      throw error;
    }
    if (!(result instanceof Promise)) {
      this.#disabled--;
      return result;
    }
    return result.finally(() => this.#disabled--) as R;
  }
}
