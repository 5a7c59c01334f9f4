import { type Bundles, next, within } from './tools.ts'

/** What a test asks of a page from outside. */
interface Life {
  /** Opens a socket to a port, and waits until the server has answered a message, and so a ping before it. */
  begin (port: number, options: object): Promise<void>
  /** All states that there have been, and the texts of all messages. */
  states: string[]
  texts: string[]
  /** Whether the page has come back as it was left, by the event `pageshow`. */
  isKept: boolean
  /** Whether the page has been told that it freezes. */
  isFrozen: boolean
  send (text: string): string
}

declare const self: { life?: Life, addEventListener (type: string, listener: (event: any) => void, isCapture?: boolean): void }

/** Waits for what a test tells it to do. */
export function live (bundles: Bundles): void {
  const states: string[] = []
  const texts: string[] = []
  const life: Life = {
    states,
    texts,
    isKept: false,
    isFrozen: false,
    async begin (port, options) {
      const socket = bundles.createClient(`ws://127.0.0.1:${port}`, { reconnect: { min: 50, max: 200 } }).connect('/echo', options)
      socket.on('state', state => { states.push(state) })
      await within(socket.opened, 'the socket to open')
      socket.send({ text: 'settled' })
      await next(socket)
      socket.on('message', ({ text }) => { texts.push(text) })
      life.send = text => socket.send({ text })
    },
    send: () => 'dropped'
  }
  self.addEventListener('pageshow', ({ persisted }) => { life.isKept ||= persisted })
  self.addEventListener('freeze', () => { life.isFrozen = true }, true)
  self.life = life
}
