#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Preloaded into Grid Engine's daemons: what they bind to all addresses is bound to loopback alone. */
int bind(int socket, const struct sockaddr *address, socklen_t length) {
  static int (*real_bind)(int, const struct sockaddr *, socklen_t);
  if (!real_bind) real_bind = dlsym(RTLD_NEXT, "bind");
  if (address && address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
    struct sockaddr_in own = *(const struct sockaddr_in *)address;
    if (own.sin_addr.s_addr == INADDR_ANY) own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return real_bind(socket, (struct sockaddr *)&own, length);
  }
  return real_bind(socket, address, length);
}
