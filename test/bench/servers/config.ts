import type { Certificate } from '../../support/certificate.ts'
import type { Load } from '../load.ts'
import type { Role } from '../loads/kind.ts'
import { isJson, type News, newsOf } from '../news.ts'
import { stamped } from '../stamped.ts'

/** What the benchmark tells a server. */
export const { role, load, options, strings = false, subscribed = false, http2 = false, https, engine }: {
  role: Role
  load: Load
  options: Record<string, any>
  strings?: boolean
  subscribed?: boolean
  http2?: boolean
  /** The certificate, if it is to be TLS. */
  https?: Certificate
  /** Where the Redis is that connects it with another process. */
  engine?: { host: string, port: number }
} = JSON.parse(process.argv[2]!)

const news: News = 'size' in load && role !== 'echo' && role !== 'json' ? load as News : { content: 'text', size: 0 }
const texts = newsOf(news)
const values: Array<string | object> = isJson(news) ? texts.map(text => JSON.parse(text)) : texts
let published = 0

/** What is to be published next: an object if the load is of JSON, or is stamped. */
export function nextNews (): string | object {
  return news.content === 'stamped' ? stamped(news.size) : values[published++ % values.length]!
}

/** The same for a server that does not make JSON of objects. */
export function nextText (): string {
  const value = nextNews()
  return typeof value === 'string' ? value : JSON.stringify(value)
}
