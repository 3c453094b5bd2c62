import { UsageError } from "../../base/errors.ts";

/**
 * A typed array over MuJoCo's memory that is read again when it has gone stale.
 *
 * Growing the memory, which any other simulation may do, detaches every array over it: such an
 * array has length 0 and swallows writes. Asking MuJoCo for an array costs a third of a
 * microsecond, checking the length of a held one nothing.
 */
export class LiveView<View extends { readonly length: number }> {
  #read: () => View;
  #view: View | null;

  constructor(read: () => View) {
    this.#read = read;
    this.#view = read();
  }

  /**
   * The array; hold it no longer than until the next simulation is made.
   *
   * @throws {UsageError} after {@link LiveView.close}.
   */
  current(): View {
    const view = this.#view;
    return view !== null && view.length > 0 ? view : (this.#view = this.#read());
  }

  /** Lets go of the memory, which is about to be freed. */
  close(): void {
    this.#view = null;
    this.#read = () => refuseClosed("LiveView");
  }
}

/** Says that what is used has been closed. */
export function refuseClosed(what: string): never {
  throw new UsageError(
    `${what}: the simulation must be open, got a closed one; make another environment`,
  );
}
