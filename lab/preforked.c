// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A library that is preloaded into a program (LD_PRELOAD, ld.so(8)). When the dynamic linker has
 * finished, the program waits. For each request it forks a child, which goes on to main().
 * host/vmm/qemu/preforked.h says what this is good for.
 *
 * The program waits in __libc_start_main(), which the first instructions of every program call
 * (System V ABI, glibc). The arguments are those of glibc 2.34 and later; older versions take them
 * as well.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/child.h"
#include "vmm/qemu/preforked.h"

typedef int main_function(int argc, char **argv, char **environment);
typedef int start_function(main_function *main, int argc, char **argv, void (*init)(void),
			   void (*fini)(void), void (*linker_fini)(void), void *stack_end);

start_function __libc_start_main;

/* All files that a child gets have numbers below this one. */
#define HIGH_DESCRIPTOR 64

static struct preforked_request request;
static int files[PREFORKED_FILES];

/* Returns the number of bytes of arguments, or less than 0 if the runner has gone. */
static ssize_t receive(int socket)
{
	char control[CMSG_SPACE(sizeof(files))];
	struct iovec bytes = { &request, sizeof(request) };
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	ssize_t length;

	do
		length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);
	header = length > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (!header || request.files > PREFORKED_FILES ||
	    header->cmsg_len != CMSG_LEN(sizeof(int) * request.files))
		return -1;
	memcpy(files, CMSG_DATA(header), sizeof(int) * request.files);
	return length - (ssize_t)offsetof(struct preforked_request, arguments);
}

/* Runs in the child. Afterwards the files that were sent have the requested numbers. */
static void arrange_files(void)
{
	int sent;

	for (unsigned i = 0; i < request.files; i++) {
		sent = files[i];
		files[i] = fcntl(sent, F_DUPFD, HIGH_DESCRIPTOR);
		close(sent);
	}
	for (unsigned i = 0; i < request.files; i++) {
		if (dup2(files[i], request.targets[i]) < 0)
			_exit(EXIT_FAILURE);
		close(files[i]);
	}
}

/*
 * The program was started with "--version", so that is the last of ARGV. The program's name comes
 * before it, or an interpreter and its script. This replaces "--version" by the request's
 * arguments.
 */
static char **replace_last(char **argv, int *argc, size_t length)
{
	const char *end = request.arguments + length;
	int count = *argc - 1;
	char **result;

	for (const char *byte = request.arguments; byte < end; byte++)
		count += !*byte;
	result = calloc(count + 1, sizeof(*result));
	if (!result)
		_exit(EXIT_FAILURE);
	memcpy(result, argv, (*argc - 1) * sizeof(*argv));
	count = *argc - 1;
	for (char *next = request.arguments; next < end; next += strlen(next) + 1)
		result[count++] = next;
	*argc = count;
	return result;
}

/*
 * The kernel maps a program at random addresses, but the children of one process would all have the
 * same ones. So each child reserves a random part of the address space first, of up to 28 bits of
 * pages, which is also the kernel's range. Why this matters: docs/findings.md, "KVM: a VM that ends
 * while its L2 runs writes into another process".
 */
static void randomize_mappings(void)
{
	unsigned pages = 0;

	if (getrandom(&pages, sizeof(pages), 0) == sizeof(pages))
		mmap(NULL, (size_t)(pages >> 4) * sysconf(_SC_PAGESIZE), PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

/* Returns only in children, with their arguments. */
static char **wait_for_requests(int socket, char **argv, int *argc)
{
	ssize_t length;
	pid_t child;

	/* The source's guest polls for its answer, and must not take the CPU from the new QEMU. */
	child_raise_priority();
	for (;;) {
		length = receive(socket);
		if (length < 0)
			_exit(EXIT_SUCCESS);
		/* Not fork(): the runner becomes the child's parent. No other thread runs here. */
		child = syscall(SYS_clone, CLONE_PARENT, NULL, NULL, NULL, 0);
		if (!child)
			break;
		if (child < 0)
			child = -errno;
		for (unsigned i = 0; i < request.files; i++)
			close(files[i]);
		if (send(socket, &child, sizeof(child), MSG_NOSIGNAL) != sizeof(child))
			_exit(EXIT_SUCCESS);
	}
	close(socket);
	child_bind(request.runner, SIGKILL);
	if (!request.high_priority)
		child_take_turns(getpid());
	randomize_mappings();
	arrange_files();
	return replace_last(argv, argc, length);
}

int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
		      void (*fini)(void), void (*linker_fini)(void), void *stack_end)
{
	start_function *start = (start_function *)dlsym(RTLD_NEXT, "__libc_start_main");
	const char *number = getenv(PREFORKED_SOCKET);
	int socket;

	if (number) {
		socket = fcntl(atoi(number), F_DUPFD, HIGH_DESCRIPTOR);
		close(atoi(number));
		unsetenv(PREFORKED_SOCKET);
		unsetenv("LD_PRELOAD");
		argv = wait_for_requests(socket, argv, &argc);
	}
	return start(main, argc, argv, init, fini, linker_fini, stack_end);
}
