// An MCP client that fetches access tokens for itself.
import { Client, ClientCredentialsProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'

const { ISSUER, RESOURCE, CLIENT_ID, CLIENT_SECRET } = process.env

const authProvider = new ClientCredentialsProvider({
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  expectedIssuer: ISSUER, // the secret goes to nobody else, whatever the MCP server says
})
const client = new Client({ name: 'report', version: '1.0.0' })
await client.connect(new StreamableHTTPClientTransport(new URL(RESOURCE), { authProvider }))
for (const call of [{ name: 'list_issues' }, { name: 'create_issue', arguments: { title: 'Broken' } }]) {
  const { content } = await client.callTool(call)
  console.log(content[0].text)
}
await client.close()
