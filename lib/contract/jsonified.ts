/** What a value becomes on its way through JSON: a Date is a string. A function, a symbol or a bigint is nothing. */
export type Jsonified<Value> =
  // A string may be an object to the compiler as well, if it is branded.
  Value extends string | number | boolean | null | undefined ? Value
    : Value extends { toJSON (): infer Json } ? Jsonified<Json>
      : Value extends ((...args: never) => unknown) | symbol | bigint ? never
        : Value extends object ? { [Key in keyof Value]: Jsonified<Value[Key]> }
          : Value
