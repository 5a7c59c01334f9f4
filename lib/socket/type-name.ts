/** What a value is that was not to be given, for the text of an error. */
export function typeName (value: unknown): string {
  return value === null ? 'null' : typeof value
}
