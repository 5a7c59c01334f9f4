/** A constraint of Fastify's router, named `secret`, that says only later whether it holds. */
export function waitingConstraint () {
  /** For each request that waits: tells the value. */
  const asked: Array<(value: string) => void> = []
  const secret = {
    name: 'secret',
    storage () {
      const handlers: Record<string, unknown> = {}
      return {
        get: (value: string) => handlers[value] ?? null,
        set: (value: string, handler: unknown) => { handlers[value] = handler }
      }
    },
    deriveConstraint (_request: unknown, _context: unknown, done: (error: Error | null, value: string) => void) {
      asked.push(value => done(null, value))
    },
    validate () {}
  }
  return { asked, routerOptions: { constraints: { secret } } }
}
