import { MessageForm } from '../connection/message-form.ts'
import type { Codec } from './behaviour.ts'

/** Makes what is sent of a value; null: raw data, which goes as it is. */
export type Encode = Codec['encode']

/** What `app.sockets.prepare()` returns: nothing to see, and to be told from any other value. */
export class PreparedMessage {
  readonly #forms: MessageForms

  constructor (value: unknown) {
    this.#forms = new MessageForms(value)
  }

  /** Those of a prepared message, or null: of anything else, which is not looked at, for it may be a Proxy. */
  static formsOf (value: unknown): MessageForms | null {
    return typeof value === 'object' && value !== null && #forms in value ? value.#forms : null
  }
}

/** A value, and the messages that encoders have made of it. */
export class MessageForms {
  readonly value: unknown
  /** The one that was asked for last, nearly always the only one; undefined: none yet. */
  #encode: Encode | undefined
  #form: MessageForm | null = null
  #others: Map<Encode, MessageForm> | null = null

  constructor (value: unknown) {
    this.value = value
  }

  /** The message for routes with this encoder, or null: it is to be made, and given to `keep`. */
  get (encode: Encode): MessageForm | null {
    if (this.#encode !== encode) this.#change(encode)
    return this.#form
  }

  /** @param data what the encoder that was asked for last has made of the value */
  keep (data: string | Uint8Array): MessageForm {
    return this.#form = new MessageForm(data)
  }

  #change (encode: Encode): void {
    if (this.#form !== null) (this.#others ??= new Map()).set(this.#encode!, this.#form)
    this.#encode = encode
    this.#form = this.#others?.get(encode) ?? null
  }
}
