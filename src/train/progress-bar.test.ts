import { describe, expect, it } from "vitest";
import type { ProgressOptions } from "./progress-bar.ts";
import { formatDuration, formatNumber, progressBar } from "./progress-bar.ts";

/** A bar on a stream that remembers, under a clock that moves 100 ms per step. */
function record(
  options: Omit<ProgressOptions, "stream" | "now">,
  steps: number,
  stream: { isTTY?: boolean; columns?: number } = {},
): string[] {
  const written: string[] = [];
  let time = 0;
  const bar = progressBar({
    ...options,
    stream: { ...stream, write: (text) => written.push(text) },
    now: () => time,
  });
  for (let i = 1; i <= steps; i++) {
    time += 100;
    bar.update((options.start ?? 0) + i, { loss: 1 / i });
  }
  bar.close();
  return written;
}

describe("progressBar", () => {
  it("redraws one line on a terminal", () => {
    const written = record({ total: 4, label: "training" }, 3, { isTTY: true, columns: 80 });
    expect(written).toEqual([
      "\r\x1b[2Ktraining ██████░░░░░░░░░░░░░░░░░░  25 %  1/4  10.0/s  ETA 0:00  loss 1",
      "\r\x1b[2Ktraining ████████████░░░░░░░░░░░░  50 %  2/4  10.0/s  ETA 0:00  loss 0.5000",
      "\r\x1b[2Ktraining ██████████████████░░░░░░  75 %  3/4  10.0/s  ETA 0:00  loss 0.3333",
      "\r\x1b[2Ktraining ██████████████████░░░░░░  75 %  3/4  10.0/s  ETA 0:00  loss 0.3333",
      "\n",
    ]);
  });

  it("assumes 80 columns where a terminal does not say", () => {
    const written = record({ total: 4 }, 1, { isTTY: true, columns: 0 });
    expect(written[0]).toContain("██████░░░░░░░░░░░░░░░░░░  25 %");
  });

  it("never wraps on a narrow terminal", () => {
    for (let columns = 1; columns < 60; columns++) {
      for (const text of record({ total: 4, label: "training" }, 2, { isTTY: true, columns })) {
        expect(text.replace("\r\x1b[2K", "").length).toBeLessThanOrEqual(Math.max(1, columns - 1));
      }
    }
  });

  it("prints a line about every tenth elsewhere", () => {
    const written = record({ total: 100 }, 100);
    expect(written).toHaveLength(10);
    expect(written[0]).toBe(" 10 %  10/100  10.0/s  ETA 0:09  loss 0.1000\n");
    expect(written[9]).toBe("100 %  100/100  10.0/s  loss 0.01000\n");
  });

  it("begins where a resumed run begins", () => {
    const written = record({ total: 10, start: 8, label: "on" }, 2);
    expect(written).toEqual([
      "on   90 %  9/10  10.0/s  ETA 0:00  loss 1\n",
      "on  100 %  10/10  10.0/s  loss 0.5000\n",
    ]);
  });

  it("prints JSON objects for machines", () => {
    const written = record({ total: 25, label: "a", mode: "json" }, 25);
    expect(written.map((line) => (JSON.parse(line) as { done: number }).done)).toEqual([
      1, 11, 21, 25,
    ]);
    expect(JSON.parse(written[1])).toEqual({
      event: "progress",
      label: "a",
      done: 11,
      total: 25,
      perSecond: 10,
      loss: 1 / 11,
    });
    expect(record({ total: 5, mode: "silent" }, 5)).toEqual([]);
  });

  it("follows changes of speed", () => {
    const written: string[] = [];
    let time = 0;
    const stream = { write: (text: string) => written.push(text) };
    const bar = progressBar({ total: 1000, mode: "lines", stream, now: () => time });
    for (let i = 1; i <= 500; i++) {
      time += i <= 400 ? 1 : 100;
      bar.update(i);
    }
    expect(written.at(-1)).toBe(" 50 %  500/1000  10.0/s  ETA 0:50\n");
  });
});

describe("formats", () => {
  it("shows durations and numbers as people read them", () => {
    expect([0, 7.4, 750, 3723].map(formatDuration)).toEqual(["0:00", "0:07", "12:30", "1:02:03"]);
    expect([0.00012345, 3, 1234.56, 12.3456, 1e-7, 1234567.8, NaN].map(formatNumber)).toEqual([
      "0.0001234",
      "3",
      "1235",
      "12.35",
      "1.00e-7",
      "1.23e+6",
      "NaN",
    ]);
  });
});
