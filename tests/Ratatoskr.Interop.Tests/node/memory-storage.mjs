/** An automerge-repo storage adapter that outlives the repo that used it, for as long as this process. */
export class MemoryStorage {
  static #byName = new Map()
  #entries = new Map()

  static named(name) {
    if (!MemoryStorage.#byName.has(name)) MemoryStorage.#byName.set(name, new MemoryStorage())
    return MemoryStorage.#byName.get(name)
  }

  async load(key) { return this.#entries.get(key.join("/")) }
  async save(key, data) { this.#entries.set(key.join("/"), data.slice()) }
  async remove(key) { this.#entries.delete(key.join("/")) }
  async loadRange(prefix) {
    return [...this.#matching(prefix)].map(([key, data]) => ({ key: key.split("/"), data }))
  }
  async removeRange(prefix) {
    for (const [key] of [...this.#matching(prefix)]) this.#entries.delete(key)
  }

  *#matching(prefix) {
    const path = prefix.join("/")
    for (const entry of this.#entries) if (entry[0] === path || entry[0].startsWith(`${path}/`)) yield entry
  }
}
