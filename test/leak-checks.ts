/** A count of live resources that a test must leave as it found it. */
export interface LeakCheck {
  readonly name: string;
  count(): number;
}

/** The checks that run around every test; backends add their live buffers here. */
export const leakChecks: LeakCheck[] = [];
