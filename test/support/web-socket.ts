import { WebSocket as Ws } from 'ws'

/** As that of browsers, where an error that nobody listens for is none. */
export class WebSocket extends Ws {
  constructor (url: string, protocols: string[]) {
    super(url, protocols)
    this.on('error', () => {})
  }
}
