/* Lets keepalived's checkers run on a kernel without IPVS: its requests to IPVS succeed and do nothing.
 * What it probes, how and when, is left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { FIRST = 1024, LAST = 1279 }; /* options of IPVS: 64 + 1024 + 64 and on */

static int is_ipvs(int level, int name)
{
	return level == IPPROTO_IP && name >= FIRST && name <= LAST;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	static int (*real)(int, int, int, void *, socklen_t *);

	if (is_ipvs(level, name)) {
		memset(value, 0, *length);
		return 0;
	}
	if (!real)
		real = (int (*)(int, int, int, void *, socklen_t *))dlsym(RTLD_NEXT, "getsockopt");
	return real(fd, level, name, value, length);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	static int (*real)(int, int, int, const void *, socklen_t);

	if (is_ipvs(level, name))
		return 0;
	if (!real)
		real = (int (*)(int, int, int, const void *, socklen_t))dlsym(RTLD_NEXT, "setsockopt");
	return real(fd, level, name, value, length);
}
