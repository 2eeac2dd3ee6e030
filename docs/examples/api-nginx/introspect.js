// authorize asks Kiket Auth about the token of a request, and answers 204 if it
// works and covers $required_scope, 401 or 403 as RFC 6750 section 3 says if not,
// and 500 if nobody knows.
async function authorize(r) {
  const want = r.variables.required_scope;
  const bearer = /^bearer +([^ ]+) *$/i.exec(r.headersIn.Authorization || '');
  if (!bearer) {
    refuse(r, 401, `scope="${want}"`);
    return;
  }
  const question = {
    token: bearer[1],
    client_ip: r.remoteAddress, // behind another proxy: see the module realip
    user_agent: r.headersIn['User-Agent'] || '',
  };
  const body = Object.keys(question).map((name) => `${name}=${encodeURIComponent(question[name])}`).join('&');
  const answer = await r.subrequest('/_introspect', { method: 'POST', body });
  if (answer.status !== 200) { // 502, 504: it is away; 503: its database is; 401: our own secret is wrong
    r.error(`introspection: ${answer.status}`);
    r.return(500);
    return;
  }
  const token = JSON.parse(answer.responseText);
  if (!token.active) {
    refuse(r, 401, 'error="invalid_token"');
  } else if (!covers(token.scope, want)) {
    refuse(r, 403, `error="insufficient_scope", scope="${want}"`);
  } else {
    r.headersOut['Kiket-Subject'] = token.sub;
    r.headersOut['Kiket-Organization'] = token.organization_id;
    r.return(204);
  }
}

function refuse(r, status, parameters) {
  r.headersOut['Kiket-Challenge'] = `Bearer ${parameters}`;
  r.return(status);
}

// covers tells whether a scope was granted, by name or by the bare name that
// includes it: issues includes issues:read and issues:write.
function covers(scope, want) {
  const granted = scope.split(' ');
  return granted.includes(want) || granted.includes(want.split(':')[0]);
}

export default { authorize };
