// Opens a page in a real, headless Chromium and speaks to the server from it; prints one JSON line.
//   node browser.mjs '{"page":"https://localhost:4151/health","socket":"wss://localhost:4151/sync","frames":["<base64>", …]}'
// Each frame is sent when the answer to the one before has come.
import { chromium } from "playwright-core"

const { page: url, socket, frames } = JSON.parse(process.argv[2])
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"], // root in a container has none; the page is ours
})
try {
  const context = await browser.newContext({ ignoreHTTPSErrors: true }) // the certificate is self-signed
  const page = await context.newPage()
  const devtools = await context.newCDPSession(page)
  await devtools.send("Network.enable")
  const handshakes = []
  devtools.on("Network.webSocketHandshakeResponseReceived", event => handshakes.push(event.response.status))
  await page.goto(url)
  const result = await page.evaluate(async ({ socket, frames }) => {
    await fetch(location.href, { cache: "no-store" }) // the HTTP connection is open and in use when the WebSocket asks for one
    const http = performance.getEntriesByType("navigation")[0].nextHopProtocol
    const base64 = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    const answers = await new Promise((resolve, reject) => {
      const received = []
      const ws = new WebSocket(socket)
      ws.binaryType = "arraybuffer"
      const send = () => ws.send(Uint8Array.from(atob(frames[received.length]), c => c.charCodeAt(0)))
      ws.onopen = send
      ws.onerror = () => reject(new Error("the WebSocket failed"))
      ws.onclose = event => reject(new Error(`the WebSocket was closed: ${event.code} ${event.reason}`))
      ws.onmessage = ({ data }) => {
        received.push(base64(data))
        if (received.length < frames.length) return send()
        ws.onclose = () => resolve(received)
        ws.close()
      }
    })
    return { http, answers }
  }, { socket, frames })
  // 101: over a connection of its own (HTTP/1.1). 200: as a stream of the HTTP/2 connection (RFC 8441).
  console.log(JSON.stringify({ ...result, handshake: handshakes[0] }))
} finally {
  await browser.close()
}
