import type { ClientSocket, ClientState, StateChange } from '../../lib/client/types.ts'

/** What a socket has said of itself. */
export interface Watched {
  states: ClientState[]
  changes: StateChange[]
  errors: any[]
  drops: unknown[]
}

/** Listens to all but the messages, which have one consumer. */
export function watch (socket: ClientSocket<any, any>, unwatched = false): Watched {
  const watched: Watched = { states: [], changes: [], errors: [], drops: [] }
  if (unwatched) return watched
  socket.on('state', (state, change) => {
    watched.states.push(state)
    watched.changes.push(change)
  })
  socket.on('error', error => { watched.errors.push(error) })
  socket.on('drop', message => { watched.drops.push(message) })
  return watched
}

/** The messages of a socket, as its listener gets them. */
export function listen (socket: ClientSocket<any, any>): any[] {
  const messages: any[] = []
  socket.on('message', message => { messages.push(message) })
  return messages
}
