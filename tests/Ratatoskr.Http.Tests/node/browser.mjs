// Signs in by the popup in a real, headless Chromium, in every way a person can; prints one JSON line with what the app's page saw each time.
//   node browser.mjs '{"server":"http://127.0.0.1:…"[,"issued":"http://127.0.0.1:… (the same, with a real provider)"]}'
import { createHash, randomBytes } from "node:crypto"
import { createServer } from "node:http"
import { chromium } from "playwright-core"

const { server, issued } = JSON.parse(process.argv[2])

// The app: a page of another origin, which does what the original's client does.
const html = `<!DOCTYPE html><title>app</title><script>
  window.signIn = (server, origin) => new Promise(resolve => {
    const messages = []
    const popup = window.open(server + "/api/v1/auth/login" + (origin === null ? "" : "?origin=" + encodeURIComponent(origin)), "ratatoskr-auth", "width=500,height=600")
    addEventListener("message", event => {
      messages.push({ origin: event.origin, data: event.data })
      if (event.origin === new URL(server).origin && event.data?.type === "ratatoskr:auth") resolve({ ...event.data, messages })
    })
    const poll = setInterval(() => { if (popup.closed) { clearInterval(poll); setTimeout(() => resolve({ closed: true, messages }), 300) } }, 100)
  })
</script>`
const app = createServer((_, response) => response.setHeader("content-type", "text/html").end(html))
await new Promise(listening => app.listen(0, "127.0.0.1", listening))
const origin = `http://127.0.0.1:${app.address().port}`

const program = createServer((_, response) => response.end("signed in"))
await new Promise(listening => program.listen(0, "127.0.0.1", listening))

const browser = await launch()

// A busy machine has failed to start a browser, for no reason that it gave. Once more, then; the messages have what the browser wrote to stderr.
async function launch() {
  const start = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"], timeout: 60_000 }) // root in a container has no sandbox; the pages are ours
  const first = await start().catch(error => error)
  if (!(first instanceof Error)) return first
  const second = await start().catch(error => error)
  if (!(second instanceof Error)) return second
  throw new Error(`the browser did not start\n-- at first:\n${first.message}\n-- then:\n${second.message}`)
}

async function signIn({ at = origin, server: to = server, origin: named = origin, steps }) {
  const context = await browser.newContext()
  const errors = []
  context.on("console", message => message.type() === "error" && errors.push(message.text())) // a refusal of the content security policy, say
  try {
    const page = await context.newPage()
    await page.goto(at)
    if (at !== origin) await page.setContent(html)
    const opened = page.waitForEvent("popup")
    const result = page.evaluate(([server, origin]) => window.signIn(server, origin), [to, named])
    result.catch(() => {})                                     // what goes wrong before it is awaited is told by the step that failed
    const popup = await opened
    const seen = await steps(popup)
    return { ...(await result), seen, errors }
  } finally {
    await context.close()
  }
}

const name = async (popup, who, button = "Sign in") => {
  await popup.fill("input[name=name]", who)
  await lastClick(popup, `button:text-is("${button}")`)      // "Cancel" closes it
}
// A click after which the window closes itself; it may be gone before the click is reported as done.
const lastClick = (popup, button) => popup.click(button).catch(error => { if (!String(error).includes("has been closed")) throw error })
const shown = popup => popup.evaluate(() => ({
  title: document.querySelector("#title").textContent,
  text: document.querySelector("#text").innerText,
  who: document.querySelector("#who").textContent,
  disabled: document.querySelector("#approve").disabled,
  path: location.pathname + location.search,
}))

const scenarios = {
  approve: () => signIn({ steps: async popup => {
    await name(popup, "alice")
    await popup.waitForSelector("#approve:visible")
    const first = await shown(popup)
    await lastClick(popup, "#approve")
    return first
  } }),
  deny: () => signIn({ steps: async popup => {
    await name(popup, "alice")
    await lastClick(popup, "#deny")
  } }),
  closed: () => signIn({ steps: async popup => {
    await name(popup, "alice")
    await popup.waitForSelector("#approve:visible")
    await popup.close()
  } }),
  cancelled: () => signIn({ steps: popup => name(popup, "", "Cancel") }),
  ownOrigin: () => signIn({ at: server + "/own", origin: null, steps: async popup => {
    await name(popup, "carol")
    await lastClick(popup, "#approve")
  } }),
  // A page that says it is another: the browser does not deliver what is meant for that one.
  foreignOrigin: () => signIn({ origin: "http://app.example.org", steps: async popup => {
    await name(popup, "alice")
    await popup.waitForSelector("#approve:visible")
    const first = await shown(popup)
    await lastClick(popup, "#approve")
    return first
  } }),
  unknownOrigin: () => signIn({ origin: "null", steps: async popup => {
    await name(popup, "alice")
    await popup.waitForSelector("#deny:enabled")
    const first = await shown(popup)
    await lastClick(popup, "#deny")
    return first
  } }),
  // A script of the opener, or of an extension that clicks for the user, does not approve.
  scripted: () => signIn({ steps: async popup => {
    await name(popup, "alice")
    await popup.waitForSelector("#approve:enabled")
    await popup.evaluate(() => document.querySelector("#approve").click())
    const disabled = await popup.evaluate(() => document.querySelector("#approve").disabled)
    await lastClick(popup, "#deny")
    return { disabled }
  } }),
  noOpener: async () => {
    const page = await browser.newPage()
    await page.goto(server + "/api/v1/auth/login")
    await name(page, "dave")
    await page.waitForSelector("#approve", { state: "attached" })
    return { seen: await shown(page) }
  },
  // A command-line program: a loopback port, a verifier, and the person's click.
  program: async () => {
    const verifier = randomBytes(32).toString("base64url")
    const query = new Promise(resolve => program.once("request", request => resolve(new URL(request.url, "http://x").searchParams)))
    const parameters = new URLSearchParams({
      redirect_uri: `http://127.0.0.1:${program.address().port}/done`,
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
      state: "mine",
    })
    const page = await browser.newPage()
    await page.goto(`${server}/api/v1/auth/login?${parameters}`)
    await name(page, "frank")
    await page.waitForSelector("#approve:visible")
    const first = await shown(page)
    await page.click("#approve")
    const answer = await query
    const exchange = await fetch(server + "/api/v1/auth/token", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code: answer.get("code"), state: answer.get("state"), code_verifier: verifier }),
    })
    return { seen: first, ...(await exchange.json()) }
  },
  framed: async () => {
    const page = await browser.newPage()
    await page.goto(origin)
    await page.evaluate(address => new Promise(loaded => {
      const frame = document.createElement("iframe")
      frame.onload = frame.onerror = loaded
      frame.src = address
      document.body.append(frame)
    }), server + "/api/v1/auth/login")
    return { seen: { fields: await page.frames()[1].locator("input").count() } }
  },
  provider: () => signIn({ server: issued, steps: async popup => {
    await popup.fill("input[name=login]", "erin")
    await popup.fill("input[name=password]", "any")
    await popup.click("button[type=submit]")
    await popup.waitForSelector("input[name=prompt][value=consent]", { state: "attached" })
    await popup.click("button[type=submit]")
    await lastClick(popup, "#approve")
  } }),
}

const results = {}
for (const [scenario, run] of Object.entries(scenarios)) {
  if (scenario === "provider" && !issued) continue
  try {
    results[scenario] = await run()
  } catch (error) {
    results[scenario] = { failed: String(error) }
  }
}
console.log(JSON.stringify({ origin, ...results }))
await browser.close()
app.close()
program.close()
