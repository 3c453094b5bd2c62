import type { Range, Touches } from "./memory-ranges.ts";
import { PlaceHistory } from "./place-history.ts";

/**
 * Which earlier launches a launch must follow, by what they touch: found from who touched the bytes
 * last, without a look at every pair. Places are taken to be apart, as in `mustKeepOrder`: a program
 * that writes an input is traced for the inputs that share its buffer, so they are one place.
 */
export class LaunchDependencies {
  private readonly places: Map<string, PlaceHistory> = new Map();
  private readonly errors: ErrorHistory = new ErrorHistory();
  private count: number = 0;

  /**
   * Adds the next launch by what its works touch.
   * @returns the launches it directly follows, in ascending order: whatever else it must follow,
   * one of these does.
   */
  add(works: readonly Touches[]): number[] {
    const who = this.count++;
    const after = new Set<number>();
    const place = (range: Range): PlaceHistory => this.history(range.place);
    for (const { reads } of works) {
      for (const range of reads) place(range).read(range.start, range.end, who, after);
    }
    for (const { writes } of works) {
      for (const range of writes) place(range).write(range.start, range.end, who, after);
    }
    const reports = works.some((work) => work.reports === true);
    const heeds = works.some((work) => work.heeds === true);
    this.errors.add(who, reports, heeds, after);
    after.delete(who);
    return [...after].toSorted((a, b) => a - b);
  }

  private history(place: string): PlaceHistory {
    const known = this.places.get(place);
    if (known !== undefined) return known;
    const made = new PlaceHistory();
    this.places.set(place, made);
    return made;
  }
}

type ErrorUse = "reports" | "heeds" | "both";

/**
 * Launches that note wrong indices, and launches that look for them first. Those of one kind need
 * not wait for each other: they come in groups, and each follows all of the group before.
 */
class ErrorHistory {
  private before: readonly number[] = [];
  private group: number[] = [];
  private use: ErrorUse | null = null;

  add(who: number, reports: boolean, heeds: boolean, after: Set<number>): void {
    if (!reports && !heeds) return;
    const use: ErrorUse = reports && heeds ? "both" : reports ? "reports" : "heeds";
    if (use !== this.use || use === "both") {
      this.before = this.group;
      this.group = [];
      this.use = use;
    }
    this.group.push(who);
    for (const other of this.before) after.add(other);
  }
}
