// An MCP server whose tools are protected by Kiket Auth.
import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import {
  bearerAuthChallengeResponse, createMcpHandler, getOAuthProtectedResourceMetadataUrl, McpServer, OAuthError,
  OAuthErrorCode, originValidationResponse, requireScopes, verifyBearerToken,
} from '@modelcontextprotocol/server'
import * as z from 'zod'

const { ISSUER, LISTEN, RESOURCE, MCP_CLIENT, API_CLIENT } = process.env

// Whom to introspect as, each "id:secret": the registration of this server, to
// which access tokens are visible that were asked for with its URL; and, to
// accept workspace tokens too, one for the default audience.
const registrations = [MCP_CLIENT, API_CLIENT].filter(Boolean)

const url = new URL(RESOURCE)
const metadataURL = getOAuthProtectedResourceMetadataUrl(url)

// What clients find the authorization server by (RFC 9728). They may ask for all
// the scopes that it lists: name those without which nothing works.
const metadata = {
  resource: RESOURCE,
  authorization_servers: [ISSUER],
  scopes_supported: ['issues:read'],
  bearer_methods_supported: ['header'],
}

// The tools, each with the scope that it needs. A client that lacks it is answered
// 403 with the scope, and may come back with another token.
const mcp = createMcpHandler(() => {
  const server = new McpServer({ name: 'issues', version: '1.0.0' })
  server.registerTool('list_issues', {
    description: 'List the issues of the organization', scopeChallenge: requireScopes('issues:read'),
  }, ({ http }) => text(`issues of organization ${http.authInfo.extra.organization} for ${http.authInfo.extra.subject}`))
  server.registerTool('create_issue', {
    description: 'Create an issue', scopeChallenge: requireScopes('issues:write'), inputSchema: z.object({ title: z.string() }),
  }, ({ title }, { http }) => text(`"${title}" in organization ${http.authInfo.extra.organization} by ${http.authInfo.extra.subject}`))
  return server
})

function text(text) {
  return { content: [{ type: 'text', text }] }
}

// introspect asks about a token. Do not keep the answer: a token that is revoked
// is inactive from the next question on. An error means that nobody knows.
async function introspect(registration, token, seen) {
  const answer = await fetch(`${ISSUER}/oauth/introspect`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(registration)}` },
    body: new URLSearchParams({ token, ...seen }),
    signal: AbortSignal.timeout(5000),
  })
  if (!answer.ok) throw new Error(`introspection: ${answer.status}`)
  return answer.json()
}

// verify returns what the SDK wants to know of a token that works.
async function verify(token, seen) {
  for (const registration of registrations) {
    const { active, client_id, scope, exp, sub, organization_id } = await introspect(registration, token, seen)
    if (active) {
      return { token, clientId: client_id, scopes: spelledOut(scope), expiresAt: exp, extra: { subject: sub, organization: organization_id } }
    }
  }
  throw new OAuthError(OAuthErrorCode.InvalidToken, 'The token does not work here')
}

// spelledOut adds the halves that a bare name includes, since the SDK compares
// names: issues includes issues:read and issues:write.
function spelledOut(scope) {
  return scope.split(' ').flatMap((name) => name.includes(':') ? [name] : [name, `${name}:read`, `${name}:write`])
}

// serve answers a request; seen is what is known of its sender.
async function serve(request, seen) {
  const { pathname } = new URL(request.url)
  if (pathname === new URL(metadataURL).pathname) {
    return Response.json(metadata, { headers: { 'access-control-allow-origin': '*' } })
  }
  if (pathname !== url.pathname) return new Response(null, { status: 404 })
  const foreign = originValidationResponse(request, [url.hostname])
  if (foreign) return foreign

  const gate = { requiredScopes: ['issues:read'], resourceMetadataUrl: metadataURL, verifier: { verifyAccessToken: (token) => verify(token, seen) } }
  let authInfo
  try {
    authInfo = await verifyBearerToken(request.headers.get('authorization') ?? undefined, gate)
  } catch (error) {
    if (error instanceof OAuthError) return bearerAuthChallengeResponse(error, gate)
    console.error(error) // unknown is not allowed
    return new Response(null, { status: 503, headers: { 'retry-after': '2' } })
  }
  return mcp.fetch(request, { authInfo })
}

const [host, port] = LISTEN.split(':')
createServer((request, response) => {
  const seen = { client_ip: request.socket.remoteAddress, user_agent: request.headers['user-agent'] ?? '' }
  toNodeHandler({ fetch: (converted) => serve(converted, seen) })(request, response)
}).listen(Number(port), host)
