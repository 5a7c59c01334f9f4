/** What a value becomes on its way through JSON: a Date is a string. */
export type Jsonified<Value> =
  Value extends { toJSON (): infer Json } ? Jsonified<Json>
    : Value extends (...args: never) => unknown ? never
      : Value extends object ? { [Key in keyof Value]: Jsonified<Value[Key]> }
        : Value
