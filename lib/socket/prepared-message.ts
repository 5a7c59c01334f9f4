import { MessageForm } from '../connection/message-form.ts'
import type { Codec } from './behaviour.ts'

/** Makes what is sent of a value; null: raw data, which goes as it is. */
export type Encode = Codec['encode']

/** A value to be sent on any number of sockets, whatever their routes: what `app.sockets.prepare()` returns. */
export class PreparedMessage {
  readonly value: unknown
  /** Of the encoder that was used last, nearly always the only one; undefined: of none yet. */
  #encode: Encode | undefined
  #form: MessageForm | null = null
  /** Of the others. */
  #forms: Map<Encode, MessageForm> | null = null

  constructor (value: unknown) {
    this.value = value
  }

  /** Knows one without looking at it: it may be a Proxy. */
  static is (value: unknown): value is PreparedMessage {
    return typeof value === 'object' && value !== null && #form in value
  }

  /** The message as it is on routes with this encoder; null: `keep` it. */
  form (encode: Encode): MessageForm | null {
    if (this.#encode !== encode) this.#change(encode)
    return this.#form
  }

  /** @param data what the encoder that `form` was just asked for has made of the value */
  keep (data: string | Uint8Array): MessageForm {
    return this.#form = new MessageForm(data)
  }

  #change (encode: Encode): void {
    if (this.#form !== null) (this.#forms ??= new Map()).set(this.#encode!, this.#form)
    this.#encode = encode
    this.#form = this.#forms?.get(encode) ?? null
  }
}
