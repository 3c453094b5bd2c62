/** Where progress is written: a terminal, or a pipe. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  /** Width of the terminal; 0 where it is unknown. */
  readonly columns?: number;
  /** Takes a piece of text. */
  write(text: string): unknown;
}

/** How a {@link progressBar} behaves. */
export interface ProgressOptions {
  /** Steps until the end. */
  readonly total: number;
  /** @defaultValue "" */
  readonly label?: string;
  /** Steps that were done before, by a run that is resumed. @defaultValue 0 */
  readonly start?: number;
  /**
   * `bar` redraws one line, `lines` prints one about every 10 %, `json` prints one JSON object each
   * second, `silent` nothing.
   * @defaultValue `bar` on a terminal, otherwise `lines`
   */
  readonly mode?: ProgressMode | undefined;
  /** @defaultValue standard error */
  readonly stream?: ProgressStream;
  /** Milliseconds, for tests. @defaultValue `performance.now` */
  readonly now?: () => number;
}

/** How progress is shown. */
export type ProgressMode = "bar" | "lines" | "json" | "silent";

/** Numbers to show beside the progress; text is shown as it is. */
export type ProgressValues = Readonly<Record<string, number | string>>;

/** Shows how far a long computation is. */
export interface ProgressBar extends Disposable {
  /** Shows that `done` steps are finished. */
  update(done: number, values?: ProgressValues): void;
  /** Prints a line of its own above the bar; nothing in the modes for machines. */
  note(text: string): void;
  /** Draws the last state and ends the line. */
  close(): void;
}

/** A share of a long run that is measured for the rate, so that it follows changes of speed. */
const rateWindowMs = 5000;
const redrawMs = 80;
const jsonMs = 1000;

/** Steps per second over the last seconds. */
class RateMeter {
  readonly #samples: { readonly time: number; readonly done: number }[] = [];

  add(time: number, done: number): void {
    this.#samples.push({ time, done });
    while (this.#samples.length > 2 && time - this.#samples[1].time > rateWindowMs) {
      this.#samples.shift();
    }
  }

  get perSecond(): number {
    const first = this.#samples[0];
    const last = this.#samples[this.#samples.length - 1];
    if (first === undefined || last.time === first.time) return NaN;
    return ((last.done - first.done) / (last.time - first.time)) * 1000;
  }
}

/**
 * Progress of a long computation: a bar with rate, remaining time and values on a terminal, a line
 * now and then elsewhere.
 *
 * @example
 * const bar = progressBar({ total: 1000, label: "training" });
 * for (let step = 1; step <= 1000; step++) bar.update(step, { loss: 0.1 });
 * bar.close();
 */
export function progressBar(options: ProgressOptions): ProgressBar {
  const {
    total,
    label = "",
    start = 0,
    stream = process.stderr,
    now = () => performance.now(),
  } = options;
  const mode = options.mode ?? (stream.isTTY === true ? "bar" : "lines");
  const rate = new RateMeter();
  rate.add(now(), start);
  let state: ProgressState = { label, done: start, total, values: {}, perSecond: NaN };
  let lastShown = mode === "lines" ? start / total : -Infinity;

  const draw = (): void => {
    if (mode === "bar") stream.write(`\r\x1b[2K${barLine(state, stream.columns || 80)}`);
    else if (mode === "lines") stream.write(`${plainLine(state)}\n`);
    else if (mode === "json") stream.write(`${JSON.stringify(progressEvent(state))}\n`);
  };
  const isDue = (time: number): boolean => {
    if (mode === "lines") return state.done / total >= lastShown + 0.1 || state.done === total;
    return time - lastShown >= (mode === "bar" ? redrawMs : jsonMs) || state.done === total;
  };
  let isOpen = true;
  const close = (): void => {
    if (mode === "bar" && isOpen) {
      draw();
      stream.write("\n");
    }
    isOpen = false;
  };
  return {
    update(done, values = {}) {
      const time = now();
      rate.add(time, done);
      const isNew = done !== state.done;
      state = { ...state, done, values, perSecond: rate.perSecond };
      if (!isNew || !isDue(time)) return;
      lastShown = mode === "lines" ? Math.floor((done / total) * 10 + 1e-9) / 10 : time;
      draw();
    },
    note(text) {
      if (mode === "lines") stream.write(`${text}\n`);
      else if (mode === "bar") {
        stream.write(`\r\x1b[2K${text}\n`);
        draw();
      }
    },
    close,
    [Symbol.dispose]: close,
  };
}

interface ProgressState {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  readonly values: ProgressValues;
  readonly perSecond: number;
}

function progressEvent({ label, done, total, values, perSecond }: ProgressState): object {
  const rate = Number.isFinite(perSecond) ? Number(perSecond.toPrecision(4)) : null;
  return { event: "progress", label, done, total, perSecond: rate, ...values };
}

function details({ done, total, values, perSecond }: ProgressState): string[] {
  const parts = [`${done}/${total}`];
  if (perSecond > 0) {
    parts.push(`${perSecond.toFixed(perSecond < 100 ? 1 : 0)}/s`);
    if (done < total) parts.push(`ETA ${formatDuration((total - done) / perSecond)}`);
  }
  for (const [name, value] of Object.entries(values)) {
    parts.push(`${name} ${typeof value === "number" ? formatNumber(value) : value}`);
  }
  return parts;
}

function percent(done: number, total: number): string {
  return `${String(Math.floor((done / total) * 100)).padStart(3)} %`;
}

function plainLine(state: ProgressState): string {
  return [state.label, percent(state.done, state.total), ...details(state)]
    .filter((part) => part !== "")
    .join("  ");
}

/** The bar takes what the text leaves, and nothing wraps. */
function barLine(state: ProgressState, columns: number): string {
  const before = state.label === "" ? "" : `${state.label} `;
  const after = ` ${percent(state.done, state.total)}  ${details(state).join("  ")}`;
  const room = Math.min(24, columns - 1 - before.length - after.length);
  if (room < 5) return `${before}${after.trimStart()}`.slice(0, Math.max(0, columns - 1));
  const filled = Math.round((state.done / state.total) * room);
  return `${before}${"█".repeat(filled)}${"░".repeat(room - filled)}${after}`;
}

/** Four significant digits, without an exponent where that is short enough. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  const magnitude = Math.abs(value);
  if (magnitude < 1e-4 || magnitude >= 1e6) return value.toExponential(2);
  return magnitude >= 1000 ? value.toFixed(0) : value.toPrecision(4);
}

/** Seconds as `0:07`, `12:30` or `1:02:03`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
