/** An error with a code, for code that has to be small. */
export function fault (code: string, text: string, cause?: unknown): Error & { code: string } {
  return Object.assign(new Error(text, (cause && { cause }) as ErrorOptions), { code })
}
