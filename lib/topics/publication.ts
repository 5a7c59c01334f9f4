import { MessageForm } from '../connection/message-form.ts'
import { dataOf } from '../socket/data.ts'
import { type Encode, MessageForms } from '../socket/prepared-message.ts'

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
}
