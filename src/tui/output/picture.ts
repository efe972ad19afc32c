/** An image that the terminal itself draws, on top of the rows. */
export interface Picture {
  /** Tells pictures apart from one frame to the next. */
  readonly id: string;
  /** The cells it covers, counted from 0. */
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
  /** One complete kitty, iTerm2 or sixel sequence; it draws from the cursor. */
  readonly bytes: string;
  /** What takes it off the screen again, where writing over its cells does not. */
  readonly erase?: string | undefined;
}
