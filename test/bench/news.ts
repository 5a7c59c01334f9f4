import { frame } from '../support/frames.ts'
import { TEXT } from '../support/opcodes.ts'
import type { Dialect } from './dialect.ts'
import { jsonMessages } from './generator/messages.ts'

/** What is published. */
export interface News {
  content: 'text' | 'deflated JSON' | 'stamped'
  /** Bytes of the text, or of the JSON before compression. What is stamped has a text of so many bytes. */
  size: number
}

const DIFFERENT_MESSAGES = 16

export function isJson ({ content }: News): boolean {
  return content === 'deflated JSON'
}

/** The texts that a server publishes in turn, which are JSON or are not. */
export function newsOf (news: News): string[] {
  return isJson(news) ? jsonMessages(DIFFERENT_MESSAGES, news.size) : ['n'.repeat(news.size)]
}

/** The bytes of what a subscriber gets, which has always the same length. */
export function deliveredBytes (news: News, dialect: Dialect): number {
  return frame(TEXT, dialect.delivery(newsOf(news)[0]!, false)).length
}

/** Of the JSON that is published. */
export const newsSchema = {
  type: 'object',
  required: ['records', 'note'],
  properties: {
    records: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'kind', 'customer', 'price', 'at'],
        properties: {
          id: { type: 'integer' },
          kind: { type: 'string' },
          customer: { type: 'string' },
          price: { type: 'number' },
          at: { type: 'string' }
        }
      }
    },
    note: { type: 'string' }
  }
}
