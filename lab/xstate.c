/* User-Mode Linux 6.1 on a CPU whose extended state is larger than it knows: Intel's AMX.
 *
 * It saves a process's registers into a buffer of its own size and writes them back from there.  The host
 * takes only a whole one (it answers EFAULT), and User-Mode Linux panics.  What is missing behind its buffer
 * is the state of units that none of its processes may use: all zeros.  Loaded with LD_PRELOAD. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define MOST 65536

typedef long (*call)(long, long, void *, void *);

long ptrace(enum __ptrace_request request, ...)
{
    static call real;
    static char whole[MOST];
    static size_t size; /* of the host's state; 0: not yet known */
    va_list words;
    va_start(words, request);
    long pid = va_arg(words, long);
    void *address = va_arg(words, void *);
    void *data = va_arg(words, void *);
    va_end(words);
    if (!real)
        real = (call)dlsym(RTLD_NEXT, "ptrace");
    if (request != PTRACE_SETREGSET || (long)address != NT_X86_XSTATE)
        return real(request, pid, address, data);
    if (!size) {
        struct iovec all = {whole, MOST};
        if (real(PTRACE_GETREGSET, pid, address, &all) == 0)
            size = all.iov_len;
    }
    struct iovec *given = data;
    if (given->iov_len >= size)
        return real(request, pid, address, data);
    memset(whole, 0, size);
    memcpy(whole, given->iov_base, given->iov_len);
    struct iovec all = {whole, size};
    return real(request, pid, address, &all);
}
