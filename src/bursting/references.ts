/**
 * `$(NAME)` under the names' new names, in a command word or a variable's value as Kubernetes expands them: `$$(NAME)` stands for
 * itself, and so does a name that is not known.
 */
export function renameReferences(text: string, names: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) => {
    const renamed = name === undefined ? undefined : names.get(name);
    return renamed === undefined ? whole : `$(${renamed})`;
  });
}
