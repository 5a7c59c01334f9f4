/** Names the type of a value that was refused, for an error text. */
export function typeName (value: unknown): string {
  return value === null ? 'null' : typeof value
}
