/** What is thrown or rejected with, made anew each time. */
const VALUES = {
  'an error': () => new Error('on purpose'),
  'a frozen error': () => Object.freeze(new Error('on purpose')),
  'an error that cannot be read': () => {
    return new Proxy(new Error('on purpose'), { get () { throw new Error('unreadable') } })
  },
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
  'a string': () => 'on purpose',
  null: () => null,
  undefined: () => undefined
}

type Value = keyof typeof VALUES

/** One way in which user code can fail. */
export interface Fault {
  /** Such as 'throws null'. */
  name: string
  value: Value
  /** Whether it returns a promise. */
  rejects: boolean
  fail: () => unknown
}

/** All values, thrown and rejected with. */
export const FAULTS: Fault[] = (Object.keys(VALUES) as Value[]).flatMap(value => [
  { name: `throws ${value}`, value, rejects: false, fail: () => { throw VALUES[value]() } },
  { name: `rejects with ${value}`, value, rejects: true, fail: async () => { throw VALUES[value]() } }
])

/** For code that is not to return a promise. */
export function throws ({ rejects }: Fault): boolean {
  return !rejects
}

/** What Fastify takes for no error, if it is thrown. */
export function isNoError ({ value, rejects }: Fault): boolean {
  return !rejects && (value === 'null' || value === 'undefined')
}

/** Neither its message nor its status can be found out. */
export function isUnreadable ({ value }: Fault): boolean {
  return value === 'an error that cannot be read' || value === 'a revoked proxy'
}

/** Whether the logger can read it: it marks an error meanwhile, which a frozen one does not allow. */
export function isLoggable (fault: Fault): boolean {
  return !isUnreadable(fault) && fault.value !== 'a frozen error'
}
