// SPDX-License-Identifier: GPL-2.0-or-later
/* Starts the script and the guest, and reads the monitor and the console. See fake-qemu.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fake-qemu.h"

enum role role = SOURCE;

int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

void write_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t written = write(fd, bytes, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			exit(0); /* the runner has gone */
		bytes += written;
		length -= written;
	}
}

/* A stream that is cut into lines. */
struct input {
	int fd;
	void (*line)(const char *text);
	size_t length;
	char bytes[8192];
};

/* Reads like read(), and keeps a file that comes with the bytes (SCM_RIGHTS). */
static ssize_t receive(int fd, char *bytes, size_t size)
{
	struct iovec into = { .iov_base = bytes, .iov_len = size };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = &into,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

	if (length > 0 && CMSG_FIRSTHDR(&message))
		memcpy(&migration.file, CMSG_DATA(&control.head), sizeof(migration.file));
	return length;
}

/* Reads the available bytes, and handles complete lines. FALSE at the end. */
static bool read_input(struct input *input)
{
	ssize_t length = receive(input->fd, input->bytes + input->length,
				 sizeof(input->bytes) - input->length);
	char *end;

	if (length <= 0)
		return false;
	input->length += length;
	while ((end = memchr(input->bytes, '\n', input->length))) {
		size_t used = end + 1 - input->bytes;
		char line[sizeof(input->bytes)];

		memcpy(line, input->bytes, used);
		line[used - 1] = '\0';
		input->length -= used;
		memmove(input->bytes, end + 1, input->length);
		input->line(line);
	}
	return true;
}

/* Returns when one of the streams has ended. */
static void serve(void)
{
	static struct input commands = { .fd = QMP_FD, .line = obey };
	static struct input console = { .fd = STDIN_FILENO, .line = run_guest };

	for (;;) {
		/* A guest that is stopped reads no input. */
		struct pollfd fds[] = { { .fd = QMP_FD, .events = POLLIN },
					{ .fd = guest_runs ? STDIN_FILENO : -1, .events = POLLIN },
					{ .fd = migration.slow_stream, .events = POLLIN },
					{ .fd = migration.late_stream, .events = POLLIN } };

		if (poll(fds, sizeof(fds) / sizeof(*fds), -1) < 0)
			continue;
		if (fds[2].revents && usual("lost-destination"))
			break_off("failed");
		if (fds[3].revents && role == DESTINATION)
			cut_stream();
		if (fds[0].revents && !read_input(&commands))
			return;
		if (fds[1].revents && !read_input(&console))
			return;
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "-machine") && !strcmp(argv[2], "help")) {
		puts("Supported machines are:\npc-q35-7.10\nq35   (alias of pc-q35-7.10)\n"
		     "pc-q35-7.9\npc-q35-6.0\npc-q35-rhel9\npc-i440fx-7.9");
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "-L") && !strcmp(argv[2], "help"))
		return 0; /* fake-qemu loads no firmware */
	signal(SIGPIPE, SIG_IGN);
	choose_script(getenv("FERRY_FAKE"));
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-incoming"))
			role = DESTINATION;
		if (!strcmp(argv[i], "-S"))
			migration.arrives_stopped = true;
	}
	usual("start");
	if (usual("greeting"))
		say("%s", GREETING(7, 2));
	guest_runs = role == SOURCE;
	run_guest(NULL);
	serve();
	return 0;
}
