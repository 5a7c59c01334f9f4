import type { Test } from 'tap'
import { createDial } from '../../lib/client-node/dial.ts'
import type { NodeLineOptions } from '../../lib/client-node/options.ts'
import { endingOf } from '../../lib/client/ending.ts'
import type { Line, LineOwner, Target } from '../../lib/client/line.ts'
import type { Ending } from '../../lib/client/types.ts'
import { until } from '../support/until.ts'

/** A line, and what it has told so far. */
export interface Dialled {
  line: Line
  /** In the order in which it came: `'open'`, messages, `'pong'`, `'end'`. */
  heard: unknown[]
  opened: Promise<void>
  ended: Promise<Ending>
}

export type Ask = Partial<Omit<Target, 'url'>>

/** A dial whose lines are gone when the test ends. */
export function dialer (t: Test, options: NodeLineOptions = {}): (url: string, ask?: Ask, more?: Partial<LineOwner>) => Dialled {
  const dial = createDial(options)
  return (url, ask = {}, more = {}) => {
    const heard: unknown[] = []
    let isInside = true
    let onOpen = (): void => {}
    let onEnd = (_ending: Ending): void => {}
    const opened = new Promise<void>(resolve => { onOpen = resolve })
    const ended = new Promise<Ending>(resolve => { onEnd = resolve })
    function hear (event: unknown): void {
      if (isInside) throw new Error(`told from inside a call: ${String(event)}`)
      heard.push(event)
    }
    const owner: LineOwner = {
      onOpen () {
        hear('open')
        more.onOpen?.()
        onOpen()
      },
      onMessage (data) {
        hear(data)
        more.onMessage?.(data)
      },
      onPong: () => hear('pong'),
      onEnd (ending) {
        hear('end')
        onEnd(ending)
      }
    }
    let line: Line
    try {
      line = dial({ url, protocols: [], headers: {}, ...ask }, owner)
    } catch (error) {
      // There is no line, as its owner would say it.
      return { line: null as unknown as Line, heard, opened, ended: Promise.resolve(endingOf({ error: error as Error })) }
    }
    isInside = false
    t.teardown(() => line.drop())
    return { line: outside(line, inside => { isInside = inside }), heard, opened, ended }
  }
}

/** The line; whatever is told while one of its methods runs is told from inside it. */
function outside (line: Line, mark: (isInside: boolean) => void): Line {
  return new Proxy(line, {
    get (_, name: keyof Line) {
      const value = line[name]
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        mark(true)
        try {
          return Reflect.apply(value, line, args)
        } finally {
          mark(false)
        }
      }
    }
  })
}

/** The next `count` messages. */
export async function messages ({ heard }: Dialled, count: number): Promise<unknown[]> {
  const all = (): unknown[] => heard.filter(one => one !== 'open' && one !== 'end' && one !== 'pong')
  await until(() => all().length >= count, `${count} messages`)
  return all()
}
