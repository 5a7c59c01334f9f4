import { MessageForm } from '../connection/message-form.ts'
import { FST_ERR_WS_INVALID_PUBLISH } from '../errors.ts'
import { toBytes } from '../socket/bytes.ts'
import { dataOf } from '../socket/data.ts'
import { type Encode, MessageForms } from '../socket/prepared-message.ts'

/** A publication for other processes: what it is, and one part, or two with the position between them. */
export interface Packed {
  /** `json`, or `positioned` if it has a place for the position: what the topic's schema has made. Otherwise what was published. */
  readonly kind: 'json' | 'positioned' | 'text' | 'binary' | 'value'
  readonly parts: ReadonlyArray<string | Uint8Array>
}

/** What has been published to a topic. It is encoded once, however many get it. */
export interface Publication {
  /** The name of those who do not get it; null: everybody does. */
  readonly except: string | null
  /**
   * The message for the sockets of routes with this encoder.
   *
   * @param at its position
   * @throws whatever the encoder throws
   */
  form (encode: Encode, at: string): MessageForm
  /** Refuses a message that cannot be encoded. @throws whatever the encoder throws */
  check (encode: Encode): void
  /** How long that message is, in bytes; 0 if it has not been encoded. Never encodes: that may be code of the user's. */
  byteLength (encode: Encode, at: string): number
  /** The message as a value. @param at its position */
  value (at: string): unknown
  /** @throws {FST_ERR_WS_INVALID_PUBLISH} if it is a value that is no JSON */
  packed (): Packed
}

/** A message that each route encodes for itself. */
export class ValuePublication implements Publication {
  readonly except: string | null
  readonly #forms: MessageForms

  constructor (message: unknown, except: string | null) {
    this.except = except
    this.#forms = MessageForms.of(message)
  }

  form (encode: Encode): MessageForm {
    return this.#forms.get(encode) ?? this.#forms.keep(dataOf(encode, this.#forms.value, false))
  }

  check (encode: Encode): void {
    this.form(encode)
  }

  byteLength (encode: Encode): number {
    return this.#forms.get(encode)?.byteLength ?? 0
  }

  value (): unknown {
    return this.#forms.value
  }

  packed (): Packed {
    const { value } = this.#forms
    if (typeof value === 'string') return { kind: 'text', parts: [value] }
    const bytes = toBytes(value, true)
    return bytes === null ? { kind: 'value', parts: [jsonOf(value)] } : { kind: 'binary', parts: [bytes] }
  }
}

/** A message that the topic's own schema has made JSON of. */
export class JsonPublication implements Publication {
  readonly except: string | null
  /** The text, or what comes before and behind the position in it. */
  readonly #parts: readonly string[]
  #form: MessageForm | null = null

  constructor (parts: readonly string[], except: string | null) {
    this.except = except
    this.#parts = parts
  }

  form (_encode: Encode, at: string): MessageForm {
    return this.#form ??= new MessageForm(this.#parts.join(at))
  }

  check (): void {
    // It has been serialized already.
  }

  byteLength (encode: Encode, at: string): number {
    return this.form(encode, at).byteLength
  }

  value (at: string): unknown {
    return JSON.parse(this.#parts.join(at))
  }

  packed (): Packed {
    return { kind: this.#parts.length === 1 ? 'json' : 'positioned', parts: this.#parts }
  }
}

/** @throws {FST_ERR_WS_INVALID_PUBLISH} and what a `toJSON` throws */
function jsonOf (value: unknown): string {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw new FST_ERR_WS_INVALID_PUBLISH('message must be JSON, text or bytes, to be sent to other processes')
  return text
}
