/**
 * The beginning of a text, and a sign that there was more. It holds nothing of the rest in memory, as a slice of V8's
 * would.
 *
 * @param most UTF-16 units that are left, the sign not counted
 */
export function cut (text: string, most: number): string {
  // By way of UTF-8, so that half a character at the end becomes a whole one.
  return text.length <= most ? text : `${Buffer.from(text.slice(0, most)).toString()}…`
}
