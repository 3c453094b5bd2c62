/** Text that stands for a value; in an array, the element of lane `l`. */
export interface Name {
  readonly text: string;
  readonly array: boolean;
}

/** What has a name at a place of the code: in this block or in one around it. */
export class Names {
  private readonly own: Map<unknown, Name> = new Map();
  private readonly parent: Names | null;

  constructor(parent: Names | null = null) {
    this.parent = parent;
  }

  find(key: unknown): Name | undefined {
    return this.own.get(key) ?? this.parent?.find(key);
  }

  set(key: unknown, text: string, array: boolean = false): void {
    this.own.set(key, { text, array });
  }
}
