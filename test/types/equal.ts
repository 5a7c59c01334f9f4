/** True only for one and the same type: `any` and unions that merely overlap are told apart. */
export type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false

/** Does not compile unless its type argument is `true`. */
export function check<_Same extends true> (): void {}
