/**
 * The part of the node's hook that CRIU runs in restores. It does something only for pods of which the agent asked so, by a folder
 * `returns/<pod uid>`: their processes come out of CRIU's hands stopped, and none of them runs before the agent lets all of the pod go.
 * Where a connection comes back, all TCP in the pod's namespace is dropped from before CRIU restores it: what is not back yet would
 * answer it with a reset. CRIU runs it in the container's own control group, so only what descends from the first process is stopped.
 */
export function returnHook({ folder, proc }: { folder: string; proc: string }): string {
  return `stop() {
  kill -STOP "$1" || exit 1
  for child in $(cat ${proc}/"$1"/task/*/children); do stop "$child"; done
}
comes_back() {
  for asked in ${folder}/returns/*/; do
    [ -e "$asked" ] && [ ! -e "$asked/released" ] || continue
    uid=\${asked%/}
    uid=\${uid##*/}
    case "$1" in *pod"$uid"* | *pod"$(echo "$uid" | tr - _)"*) ;; *) continue ;; esac
    if [ "$CRTOOLS_SCRIPT_ACTION" = post-setup-namespaces ]; then
      set -- "$CRTOOLS_IMAGE_DIR"/tcp-stream-*.img
      [ ! -e "$1" ] || lock "$CRTOOLS_INIT_PID" "$asked/locked" || exit 1
      return 0
    fi
    id=$(echo "$1" | grep -oE '[0-9a-f]{64}' | tail -n 1)
    [ \${#id} -eq 64 ] && [ "$CRTOOLS_INIT_PID" -gt 1 ] || exit 1
    stop "$CRTOOLS_INIT_PID"
    : >"$asked/$id.back"
  done
}
`;
}
