// SPDX-License-Identifier: GPL-2.0-or-later
/* Asks the kernel for a userfaultfd: userfaultfd(2), ioctl_userfaultfd(2). */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/userfault.h"

static struct {
	gboolean asked;
	const char *problem, *problem_with_writes;
} userfault;

static const char *problem_of(int error)
{
	if (error == ENOSYS)
		return "userfaultfd, and this kernel is built without it (CONFIG_USERFAULTFD)";
	return "userfaultfd, and this user may not use it (be root, or: sysctl vm.unprivileged_userfaultfd=1)";
}

static void ask(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	userfault.asked = TRUE;
	if (fd < 0) {
		const char *problem = problem_of(errno);

		/* Newer VMMs open /dev/userfaultfd instead of calling userfaultfd(2). */
		if (errno != EPERM || access("/dev/userfaultfd", R_OK | W_OK) < 0)
			userfault.problem = userfault.problem_with_writes = problem;
		return;
	}
	if (ioctl(fd, UFFDIO_API, &api) < 0 || !(api.features & UFFD_FEATURE_PAGEFAULT_FLAG_WP))
		userfault.problem_with_writes =
			"write protection by userfaultfd, and this kernel has none (Linux 5.7 has, with CONFIG_USERFAULTFD)";
	close(fd);
}

void userfault_pretend(const char *problem)
{
	userfault.asked = TRUE;
	userfault.problem = userfault.problem_with_writes = problem;
}

const char *userfault_problem(gboolean writes)
{
	if (!userfault.asked)
		ask();
	return writes ? userfault.problem_with_writes : userfault.problem;
}
