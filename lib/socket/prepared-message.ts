import { MessageForm } from '../connection/message-form.ts'
import type { Codec } from './behaviour.ts'

/** Turns a value into what is sent; null: raw data, which is sent as it is. */
export type Encode = Codec['encode']

/** What `app.sockets.prepare()` returns. Shows nothing of itself, but can be told from any other value. */
export class PreparedMessage {
  readonly #forms: MessageForms

  /** @param value may be prepared already */
  constructor (value: unknown) {
    this.#forms = MessageForms.of(value)
  }

  /** The forms of a prepared message; null for anything else, which is not touched because it may be a Proxy. */
  static formsOf (value: unknown): MessageForms | null {
    return typeof value === 'object' && value !== null && #forms in value ? value.#forms : null
  }
}

/** A value, and the messages that encoders have made from it. */
export class MessageForms {
  readonly value: unknown
  /** The encoder that was last asked for, nearly always the only one; undefined: none yet. */
  #encode: Encode | undefined
  #form: MessageForm | null = null
  #others: Map<Encode, MessageForm> | null = null

  constructor (value: unknown) {
    this.value = value
  }

  /** Those of a prepared message, or new ones for any other value. */
  static of (value: unknown): MessageForms {
    return PreparedMessage.formsOf(value) ?? new MessageForms(value)
  }

  /** The message for routes with this encoder; null: encode the value, and give the result to `keep`. */
  get (encode: Encode): MessageForm | null {
    if (this.#encode !== encode) this.#change(encode)
    return this.#form
  }

  /** @param data what the encoder that was last asked for has made from the value */
  keep (data: string | Uint8Array): MessageForm {
    return this.#form = new MessageForm(data)
  }

  #change (encode: Encode): void {
    if (this.#form !== null) (this.#others ??= new Map()).set(this.#encode!, this.#form)
    this.#encode = encode
    this.#form = this.#others?.get(encode) ?? null
  }
}
