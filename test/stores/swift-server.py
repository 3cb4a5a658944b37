"""OpenStack Swift with its S3 interface, whole, in one process: proxy, account, container and object server on loopback ports
that are free. Usage: swift-server.py DIRECTORY; prints the proxy's port once it serves, and ends when its standard input does.
Key test:tester, secret testing."""

import os
import sys

import eventlet

eventlet.monkey_patch()

from eventlet import wsgi  # noqa: E402
from swift.common import utils  # noqa: E402

directory = sys.argv[1]
utils.SWIFT_CONF_FILE = os.path.join(directory, 'swift.conf')
utils.HASH_PATH_PREFIX = b''
utils.HASH_PATH_SUFFIX = b'fermata'

from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402

class Cache:
    """What memcached is to Swift, for one process; without one tempauth has no place for its tokens."""

    def __init__(self, app, conf):
        self.app = app
        self.held = {}

    def __call__(self, env, start_response):
        env['swift.cache'] = self
        return self.app(env, start_response)

    def get(self, key, raise_on_error=False):
        return self.held.get(key)

    def set(self, key, value, serialize=True, time=0, min_compress_len=0, raise_on_error=False):
        self.held[key] = value

    def incr(self, key, delta=1, time=0):
        self.held[key] = self.held.get(key, 0) + delta
        return self.held[key]

    def delete(self, key, server_key=None):
        self.held.pop(key, None)


def cache_factory(global_conf, **local_conf):
    return lambda app: Cache(app, local_conf)


COMMON = """
[DEFAULT]
swift_dir = {directory}
devices = {directory}
mount_check = false
bind_ip = 127.0.0.1
log_level = ERROR
log_address = {directory}/no-syslog
"""
SERVER = """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
PROXY = """
[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats bulk s3api tempauth slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
paste.filter_factory = __main__:cache_factory
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


def write(name, text):
    path = os.path.join(directory, name)
    with open(path, 'w') as file:
        file.write(text)
    return path


os.makedirs(os.path.join(directory, 'device'), exist_ok=True)
write('swift.conf', '[swift-hash]\nswift_hash_path_suffix = fermata\n')
sockets = {kind: eventlet.listen(('127.0.0.1', 0)) for kind in ('account', 'container', 'object', 'proxy')}
for kind in ('account', 'container', 'object'):
    builder = RingBuilder(4, 1, 0)
    builder.add_dev({
        'region': 1, 'zone': 1, 'weight': 1.0, 'device': 'device', 'meta': '',
        'ip': '127.0.0.1', 'port': sockets[kind].getsockname()[1],
        'replication_ip': '127.0.0.1', 'replication_port': sockets[kind].getsockname()[1],
    })
    builder.rebalance()
    builder.get_ring().save(os.path.join(directory, kind + '.ring.gz'))

quiet = open(os.devnull, 'w')
for kind, socket in sockets.items():
    text = COMMON.format(directory=directory) + (PROXY if kind == 'proxy' else SERVER.format(kind=kind))
    app = loadapp(write(kind + '-server.conf', text))
    eventlet.spawn(wsgi.server, socket, app, quiet, log_output=False, max_size=256)

print(sockets['proxy'].getsockname()[1], flush=True)
os.set_blocking(0, False)
while True:
    eventlet.hubs.trampoline(0, read=True)
    if os.read(0, 1) == b'':
        break
os._exit(0)
