// SPDX-License-Identifier: GPL-2.0-or-later
/* host/vmm/: a VMM that cannot be started because file descriptors run out leaves none open. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vmm/vmm.h"

/* A console has four file descriptors, and the VMM's control channel has two. */
#define NEEDED 6

static guint open_files(void)
{
	guint count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Lets the process open COUNT more files. */
static void allow(guint count)
{
	struct rlimit limit;
	int lowest = dup(STDERR_FILENO);

	close(lowest);
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	limit.rlim_cur = lowest + count;
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
}

static void test_no_files_left(gconstpointer data)
{
	const struct vmm *vmm = data;
	const struct vm_config config = { 0 };
	guint before = open_files();
	struct rlimit usual;

	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &usual), ==, 0);
	for (guint count = 0; count < NEEDED; count++) {
		g_autoptr(GError) error = NULL;
		struct vm *vm;

		allow(count);
		vm = vmm->start(&config, NULL, NULL, &error);
		setrlimit(RLIMIT_NOFILE, &usual);
		g_assert_null(vm);
		g_assert_nonnull(strstr(error->message, g_strerror(EMFILE)));
		g_assert_cmpuint(open_files(), ==, before);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	/* Files that we have inherited would leave fewer than allow() says. */
	for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
		close(fd);
	for (const struct vmm *const *vmm = vmms; *vmm; vmm++) {
		g_autofree char *path =
			g_strconcat("/vmm-start/no-files-left/", (*vmm)->name, NULL);

		g_test_add_data_func(path, *vmm, test_no_files_left);
	}
	return g_test_run();
}
