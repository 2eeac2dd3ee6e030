// An MCP client as the documentation of the official TypeScript SDK tells to write
// one, with the version that is named: node client.mjs 1. Reads a list of attempts
// from standard input and prints what came of each.
import { readFileSync } from 'node:fs'

const sdk = {
  1: async () => ({
    ...await import('@modelcontextprotocol/sdk/client/index.js'),
    ...await import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
    ...await import('@modelcontextprotocol/sdk/client/auth-extensions.js'),
  }),
  2: () => import('@modelcontextprotocol/client'),
}[process.argv[2]]
const { Client, ClientCredentialsProvider, PrivateKeyJwtProvider, StreamableHTTPClientTransport } = await sdk()

// An attempt is to connect to a server and call its tools, with a token that is
// given, or with one that the SDK fetches with a secret or a key.
async function attempt({ url, issuer, bearer, id, secret, privateKey, algorithm, calls }, outcome) {
  const registered = { clientId: id, expectedIssuer: issuer }
  let authProvider
  if (secret) authProvider = new ClientCredentialsProvider({ ...registered, clientSecret: secret })
  if (privateKey) authProvider = new PrivateKeyJwtProvider({ ...registered, privateKey, algorithm })
  const requestInit = bearer ? { headers: { authorization: `Bearer ${bearer}` } } : undefined
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider, requestInit })
  const client = new Client({ name: 'client of a test', version: '1.0.0' })
  try {
    await client.connect(transport)
    outcome.tools = (await client.listTools()).tools.map((tool) => tool.name)
    for (const call of calls) {
      const result = await client.callTool(call)
      if (result.isError) throw new Error(result.content[0].text)
      outcome.said[call.name] = result.content[0].text
    }
  } finally {
    outcome.token = authProvider?.tokens()?.access_token ?? bearer ?? ''
    await client.close()
  }
}

const outcomes = []
for (const given of JSON.parse(readFileSync(0))) {
  const outcome = { tools: [], said: {}, token: '', error: '' }
  try {
    await attempt(given, outcome)
  } catch (error) {
    outcome.error = `${error.name}: ${error.message}`
  }
  outcomes.push(outcome)
}
console.log(JSON.stringify(outcomes))
