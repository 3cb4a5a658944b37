import type { PodmanLayout } from './layout.ts';

export interface SettingsChoice {
  infraImage: string;
  /** A real iptables-restore of the machine, if it has one. */
  iptablesRestore?: string;
  ip6tablesRestore?: string;
}

/** The files that make a Podman our own: path → content, with the mode of those that are programs. */
export function settingsFiles(
  layout: PodmanLayout,
  choice: SettingsChoice,
): { path: string; content: string; mode: number }[] {
  const file = (path: string, content: string, mode = 0o600) => ({ path, content, mode });
  return [
    file(layout.containersConf, containersConf(layout, choice)),
    file(layout.storageConf, storageConf(layout)),
    file(layout.registriesConf, 'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "permissive"\n'),
    file(layout.policy, `${JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] })}\n`),
    file(layout.network.file, networkConf(layout)),
    file(layout.criuConfig, criuConf(layout)),
    file(layout.freezeHook, FREEZE_HOOK, 0o700),
    file(`${layout.bin}/iptables-restore`, lockShim(choice.iptablesRestore), 0o700),
    file(`${layout.bin}/ip6tables-restore`, lockShim(choice.ip6tablesRestore), 0o700),
  ];
}

/**
 * The ulimits: as root without CAP_SYS_RESOURCE the defaults cannot be set, and the infra container, which takes no limits
 * of its own, fails with `error setting rlimit type 7`. crun is avoided: Debian's has no CRIU, and newer ones refuse
 * hybrid cgroups.
 */
function containersConf(layout: PodmanLayout, choice: SettingsChoice): string {
  return `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
log_driver = "k8s-file"
netns = "none"

[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "none"
infra_image = ${JSON.stringify(choice.infraImage)}
infra_command = "/pause"
tmp_dir = ${JSON.stringify(layout.temporary)}
lock_type = "file"

[network]
network_backend = "netavark"
network_config_dir = ${JSON.stringify(layout.networks)}
default_network = "${layout.network.name}"
default_subnet = "${layout.network.subnet}"
`;
}

function storageConf(layout: PodmanLayout): string {
  return `[storage]
driver = "overlay"
graphroot = ${JSON.stringify(layout.root)}
runroot = ${JSON.stringify(layout.runroot)}
`;
}

/** A bridge of our own, made when the first pod needs it and gone with the last. Names resolve by the host's servers. */
function networkConf({ network }: PodmanLayout): string {
  return JSON.stringify({
    name: network.name,
    id: network.id,
    driver: 'bridge',
    network_interface: network.interfaceName,
    created: '2026-01-01T00:00:00Z',
    subnets: [{ subnet: network.subnet, gateway: network.gateway }],
    ipv6_enabled: false,
    internal: false,
    dns_enabled: false,
    ipam_options: { driver: 'host-local' },
  });
}

/**
 * Options for CRIU that runc cannot pass, named by the containers' annotation `org.criu.config`. (`network-lock` cannot
 * stand here: CRIU 4.1 reads past the end of its arguments when it comes from such a file.)
 */
function criuConf(layout: PodmanLayout): string {
  return `action-script ${layout.freezeHook}\nghost-limit 268435456\n`;
}

/** In the folder of a pod's dump, while its containers are frozen together. */
export const FREEZE_FOLDER = '.freezing';

/**
 * Run by CRIU just before it freezes the processes of a dump. CRIU's own freezing asks the kernel and looks again 100 ms later
 * when the answer is not there at once, which is every second time; frozen here, it finds the work done. It also leaves a
 * cgroup it found frozen as it was: the processes stay frozen after the dump until we let them go or end them, so that nothing
 * they do after their dump can be seen. (Before a restore's resume the same cannot be done: CRIU cannot detach from tasks
 * that a v1 freezer holds, and waits for ever.)
 */
const FREEZE_HOOK = `#!/bin/sh
[ "$CRTOOLS_SCRIPT_ACTION" = pre-dump ] || exit 0
# Each container of a pod waits here, frozen, until all are: at most ten seconds, then its dump fails, and with it all of theirs.
together() {
  cd -P "$CRTOOLS_IMAGE_DIR" && cd .. || exit 1
  name=\${PWD##*/}
  cd ../${FREEZE_FOLDER} 2>/dev/null || exit 0
  read -r count <count || exit 1
  : >"$name.frozen" || exit 1
  tries=0
  while [ "$tries" -lt 2000 ]; do
    tries=$((tries + 1))
    set -- *.frozen
    [ $# -ge "$count" ] && exit 0
    sleep 0.005
  done
  echo "the other containers of the pod were not frozen within ten seconds" >&2
  exit 1
}
while IFS=: read -r number controllers path; do
  case "$controllers" in
    freezer) freeze=/sys/fs/cgroup/freezer$path/freezer.state; word=FROZEN; state=$freeze ;;
    '') [ -e "/sys/fs/cgroup$path/cgroup.freeze" ] || continue
        freeze=/sys/fs/cgroup$path/cgroup.freeze; word=1; state=/sys/fs/cgroup$path/cgroup.events ;;
    *) continue ;;
  esac
  echo "$word" >"$freeze" || together
  tries=0
  while [ "$tries" -lt 3000 ]; do
    tries=$((tries + 1))
    while read -r line; do
      case "$line" in FROZEN | 'frozen 1') together ;; esac
    done <"$state"
  done
  together
done <"/proc/$CRTOOLS_INIT_PID/cgroup"
together
`;

/**
 * CRIU locks a network namespace with iptables while it dumps or restores. Where there is only loopback, nobody outside can
 * send anything, and the four program starts would only lengthen the freeze window: then this does nothing.
 */
function lockShim(real: string | undefined): string {
  const otherwise =
    real === undefined
      ? 'echo "no iptables on this machine to lock the network with" >&2; exit 1'
      : `exec ${real} "$@"`;
  return `#!/bin/sh
while read -r name rest; do
  case "$name" in
    lo:*) ;;
    *:*) ${otherwise} ;;
  esac
done </proc/net/dev
exit 0
`;
}
