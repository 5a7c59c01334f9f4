/**
 * The beginning of a text, with an ellipsis if there was more. Unlike a slice in V8, it does not keep the whole text in
 * memory.
 *
 * @param most UTF-16 units to keep, not counting the ellipsis
 */
export function cut (text: string, most: number): string {
  // By way of UTF-8, so that half a surrogate pair at the end becomes a whole character.
  return text.length <= most ? text : `${Buffer.from(text.slice(0, most)).toString()}…`
}
