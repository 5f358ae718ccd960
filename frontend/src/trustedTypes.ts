/** TypeScript's DOM types lack Trusted Types, and their use in place of text. */
type Rules = Record<string, (input: string) => string>

interface TrustedTypes {
  createPolicy<Policy extends Rules>(name: string, rules: Policy): Policy
}

/**
 * The rules by which text may become markup or the address of a script, registered where the browser
 * asks for that (https://www.w3.org/TR/trusted-types/). The page's security policy names each `name`.
 */
export function trusted<Policy extends Rules>(name: string, rules: Policy): Policy {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes }
  return trustedTypes?.createPolicy(name, rules) ?? rules
}
