// openid-client as its documentation tells to use it. Reads {issuer, application,
// resourceServer} from standard input and prints the tokens that it revoked.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import * as client from 'openid-client'

const { issuer, application, resourceServer } = JSON.parse(readFileSync(0))
const revoked = []

function discover({ id, secret }, method, algorithm) {
  const options = { algorithm, execute: [client.allowInsecureRequests] }
  return client.discovery(new URL(issuer), id, undefined, method(secret), options)
}

async function live(method, algorithm) {
  const mine = await discover(application, method, algorithm)
  const theirs = await discover(resourceServer, method, algorithm)
  assert.equal(mine.serverMetadata().issuer, issuer)

  const tokens = await client.clientCredentialsGrant(mine, { scope: 'issues:read', resource: `${issuer}/api` })
  assert.equal(tokens.token_type, 'bearer') // which the library writes in lower case
  assert.equal(tokens.expires_in, 3600)
  assert.equal(tokens.scope, 'issues:read')
  assert.equal((await client.clientCredentialsGrant(mine)).scope, 'issues projects:read')

  for (const config of [mine, theirs]) {
    const seen = await client.tokenIntrospection(config, tokens.access_token)
    assert.equal(seen.active, true)
    assert.equal(seen.client_id, application.id)
    assert.equal(seen.exp - seen.iat, 3600)
  }
  const asked = await client.tokenIntrospection(theirs, tokens.access_token, { scope: 'issues:write' })
  assert.deepEqual(asked, { active: false })

  await assert.rejects(client.tokenRevocation(theirs, tokens.access_token), { status: 400, error: 'unauthorized_client' })
  await client.tokenRevocation(mine, tokens.access_token)
  await client.tokenRevocation(mine, tokens.access_token) // and again
  assert.deepEqual(await client.tokenIntrospection(theirs, tokens.access_token), { active: false })
  revoked.push(tokens.access_token)
}

async function refused(method) {
  const mine = await discover(application, method, 'oauth2')
  await assert.rejects(client.clientCredentialsGrant(mine, { scope: 'admin' }), { status: 400, error: 'invalid_scope' })
  const wrong = await discover({ id: application.id, secret: resourceServer.secret }, method, 'oauth2')
  for (const attempt of [
    () => client.clientCredentialsGrant(wrong),
    () => client.tokenIntrospection(wrong, 'x'),
    () => client.tokenRevocation(wrong, 'x'),
  ]) {
    await assert.rejects(attempt, (error) => {
      assert.ok(error instanceof client.WWWAuthenticateChallengeError, error)
      assert.equal(error.status, 401)
      assert.deepEqual(error.cause.map((challenge) => challenge.scheme), ['basic'])
      return true
    })
  }
}

for (const method of [client.ClientSecretBasic, client.ClientSecretPost]) {
  for (const algorithm of ['oidc', 'oauth2']) {
    await live(method, algorithm)
  }
  await refused(method)
}
console.log(JSON.stringify({ revoked }))
