// SPDX-License-Identifier: GPL-2.0-or-later
/* host/vmm/: a VMM that cannot be started because file descriptors run out leaves none open. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vmm/vmm.h"

/* A console has four file descriptors, and a control channel, if the VMM has one, has two. */
#define MOST_NEEDED 6

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

/* Without a guest's image start() fails in any case, if not before for want of descriptors. */
static void test_no_files_left(gconstpointer data)
{
	const struct vmm *vmm = data;
	const struct vm_config config = { 0 };
	guint before = open_files(), out_of_files = 0;
	struct rlimit usual;

	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &usual), ==, 0);
	for (guint count = 0; count < MOST_NEEDED; count++) {
		g_autoptr(GError) error = NULL;
		struct vm *vm;

		allow(count);
		vm = vmm->start(&config, NULL, NULL, &error);
		setrlimit(RLIMIT_NOFILE, &usual);
		g_assert_null(vm);
		g_assert_nonnull(error);
		g_assert_cmpuint(open_files(), ==, before);
		out_of_files += !!strstr(error->message, g_strerror(EMFILE));
	}
	/* These two need all of them. A VMM that opens fewer fails for another reason at some
	 * limit. */
	if (g_str_equal(vmm->name, "qemu") || g_str_equal(vmm->name, "native"))
		g_assert_cmpuint(out_of_files, ==, MOST_NEEDED);
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
