/** What a client of the JSON loads sends. */
export interface Message {
  room: string
  from: { id: number, name: string }
  text: string
  n: number
  tags: string[]
}

export interface Answer {
  room: string
  from: string
  text: string
  n: number
  tags: string[]
}

const tags = { type: 'array', maxItems: 5, items: { type: 'string', maxLength: 20 } }

export const messageSchema = {
  type: 'object',
  required: ['room', 'from', 'text', 'n', 'tags'],
  properties: {
    room: { type: 'string', minLength: 1, maxLength: 40 },
    from: {
      type: 'object',
      required: ['id', 'name'],
      properties: { id: { type: 'integer', minimum: 1 }, name: { type: 'string', maxLength: 60 } }
    },
    text: { type: 'string', maxLength: 500 },
    n: { type: 'integer', minimum: 0 },
    tags
  }
}

export const answerSchema = {
  type: 'object',
  required: ['room', 'from', 'text', 'n', 'tags'],
  properties: {
    room: { type: 'string' },
    from: { type: 'string' },
    text: { type: 'string' },
    n: { type: 'integer' },
    tags
  }
}

export function answer (message: Message): Answer {
  return { room: message.room, from: message.from.name, text: message.text, n: message.n + 1, tags: message.tags }
}
