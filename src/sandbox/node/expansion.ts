/**
 * Replaces `$(NAME)` by the value of that variable, as Kubernetes does in `env.value`, `command` and `args`
 * (k8s.io/kubernetes/third_party/forked/golang/expansion): unknown names stay as written, `$$` gives one `$`.
 */
export function expandVariables(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) => {
    if (name === undefined) return '$';
    return Object.hasOwn(variables, name) ? (variables[name] ?? whole) : whole;
  });
}
