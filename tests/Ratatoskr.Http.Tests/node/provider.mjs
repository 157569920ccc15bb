// A real OpenID provider (npm oidc-provider) for the tests: prints {"issuer":…} once it listens, then takes one command per line:
//   rotate   new keys under new ids; sessions and codes are gone
import { createServer } from "node:http"
import { generateKeyPairSync, randomUUID } from "node:crypto"
import { createInterface } from "node:readline"
import Provider from "oidc-provider"

const redirect_uris = ["http://127.0.0.1/api/v1/auth/callback"] // a native client: any port of this machine (RFC 8252)
const client = { application_type: "native", redirect_uris, response_types: ["code"], grant_types: ["authorization_code"] }
const secret = "a secret: +/&%"

const key = (kind, options, alg) => ({ ...generateKeyPairSync(kind, options).privateKey.export({ format: "jwk" }), kid: randomUUID(), alg, use: "sig" })

const make = issuer => new Provider(issuer, {
  clients: [
    { ...client, client_id: "basic-rs256", client_secret: secret, token_endpoint_auth_method: "client_secret_basic", id_token_signed_response_alg: "RS256" },
    { ...client, client_id: "basic-es256", client_secret: secret, token_endpoint_auth_method: "client_secret_basic", id_token_signed_response_alg: "ES256" },
    { ...client, client_id: "public-rs256", token_endpoint_auth_method: "none", id_token_signed_response_alg: "RS256" },
    { ...client, client_id: "public-es256", token_endpoint_auth_method: "none", id_token_signed_response_alg: "ES256" },
    { ...client, client_id: "basic-hs256", client_secret: secret.padEnd(40, "x"), token_endpoint_auth_method: "client_secret_basic", id_token_signed_response_alg: "HS256" },
  ],
  jwks: { keys: [key("rsa", { modulusLength: 2048 }, "RS256"), key("ec", { namedCurve: "P-256" }, "ES256")] },
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256", "HS256"] },
  claims: { openid: ["sub"], email: ["email"], profile: ["name"] },
  conformIdTokenClaims: false, // e-mail and name in the ID token, as providers in the field have them
  cookies: { keys: [randomUUID()] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.org`, name: `Name of ${id}` }) }),
  ttl: { Interaction: 600, Session: 600, Grant: 600, IdToken: 600, AccessToken: 600 },
})

let handle
const server = createServer((request, response) => handle(request, response))
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const renew = () => { handle = make(issuer).callback() }
  renew()
  console.log(JSON.stringify({ issuer, secret }))
  createInterface({ input: process.stdin }).on("line", line => {
    if (line === "rotate") renew()
    console.log(JSON.stringify({ done: line }))
  }).on("close", () => process.exit())
})
