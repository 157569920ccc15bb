// The hello and the frames of the original Ratatoskr's client library, as they were recorded from it: an `auth` and nothing else; no join, no metadata, no
// storage ids; a peer id of its own making in every senderId; the server's, from auth_ok, in every targetId; CBOR with 16-bit map heads, which is how
// automerge-repo's own encoder writes them. Around it a real Repo.

/** @param NetworkAdapter @param cbor @param WebSocket those of the client version to run */
export const originalAdapter = (NetworkAdapter, cbor, WebSocket) => class extends NetworkAdapter {
  #url
  #token
  #serverId
  #ready
  #whenReady = new Promise(resolve => (this.#ready = resolve))
  #isReady = false

  /** What the server has said besides repo messages, oldest first. */
  errors = []

  constructor(url, token) { super(); this.#url = url; this.#token = token }

  isReady() { return this.#isReady }
  whenReady() { return this.#whenReady }

  connect(peerId) {
    this.peerId = peerId
    this.socket = new WebSocket(this.#url)
    this.socket.binaryType = "arraybuffer"
    this.socket.addEventListener("open", () => this.#write(this.#token ? { type: "auth", token: this.#token } : { type: "auth", anonymous: true }))
    this.socket.addEventListener("message", event => this.#take(cbor.decode(new Uint8Array(event.data))))
    this.socket.addEventListener("close", () => this.#serverId && this.emit("peer-disconnected", { peerId: this.#serverId }))
    this.socket.addEventListener("error", () => {})
  }

  send(message) {
    if (this.socket?.readyState === 1) this.#write({ ...message, targetId: this.#serverId, senderId: this.peerId })
  }

  disconnect() { this.socket?.close() }

  #take(message) {
    switch (message.type) {
      case "auth_ok":
        this.#serverId = message.peerId
        this.#isReady = true
        this.#ready()
        this.emit("peer-candidate", { peerId: message.peerId, peerMetadata: {} })
        break
      case "auth_error":
      case "error":
        this.errors.push(message)
        break
      default:
        this.emit("message", message)
    }
  }

  #write(message) { this.socket.send(cbor.encode(message)) }
}
