/** Values by a key that several of them may have. A key without a value is forgotten. */
export class Groups<Key, Value> {
  readonly #groups = new Map<Key, Set<Value>>()

  get (key: Key): Iterable<Value> {
    return this.#groups.get(key) ?? []
  }

  add (key: Key, value: Value): void {
    const group = this.#groups.get(key)
    if (group === undefined) this.#groups.set(key, new Set([value]))
    else group.add(value)
  }

  delete (key: Key, value: Value): void {
    const group = this.#groups.get(key)
    if (group?.delete(value) && group.size === 0) this.#groups.delete(key)
  }
}
