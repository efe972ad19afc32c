/** One thing that `doctor` looks at. What it throws is a problem too. */
export interface Check {
  readonly name: string;
  look(this: void): Promise<Omit<Finding, 'name'>>;
}

export interface Finding {
  readonly name: string;
  readonly result: 'ok' | 'warning' | 'problem';
  readonly what: string;
  /** What to do about it. */
  readonly hint?: string | undefined;
}
