// Validates the OpenAPI document at the address that standard input gives.
import { Validator } from "@seriousme/openapi-schema-validator";

let input = "";
for await (const chunk of process.stdin) input += chunk;
const { url } = JSON.parse(input);

const response = await fetch(url);
const document = await response.json();
const validator = new Validator();
const { valid, errors } = await validator.validate(document);
if (!valid) {
  console.error(JSON.stringify(errors, null, 2));
  process.exit(1);
}
console.log(JSON.stringify({ version: validator.version, paths: Object.keys(document.paths).length }));
