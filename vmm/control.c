// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See control.h. Each line goes out by one send(2), so that lines of several threads do not mix.
 * When a reply is sent, all console output from before it is in the console's pipe: vCPUs write it,
 * and a vCPU that has stopped has written all of its output.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "action.h"
#include "control.h"
#include "coverage.h"
#include "machine.h"
#include "message.h"
#include "quote.h"
#include "save.h"

#define PROTOCOL     1
#define VERSION	     1
#define LONGEST_LINE 2048

static int channel = -1;
static bool quits;

/* The part of the next line that has come, and the file that came with it. */
static char pending[LONGEST_LINE];
static size_t pending_length;
static int pending_file = -1;

/* ---- what is said ---- */

static void say(const char *format, va_list arguments)
{
	char line[LONGEST_LINE];
	int length;

	if (channel < 0)
		return;
	length = vsnprintf(line, sizeof(line) - 1, format, arguments);
	if (length > LONGEST_LINE - 2)
		length = LONGEST_LINE - 2;
	line[length++] = '\n';
	/* control_serve() notices if the runner is gone. */
	send(channel, line, length, MSG_NOSIGNAL);
}

void control_say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
}

void control_ok(const struct request *request, const char *format, ...)
{
	char words[LONGEST_LINE / 2];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	control_say("ok %s%s%s", request->number, *words ? " " : "", words);
}

void control_error(const struct request *request, const char *format, ...)
{
	char text[LONGEST_LINE / 2], quoted[LONGEST_LINE / 2];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	quote(quoted, sizeof(quoted), text);
	control_say("error %s text=\"%s\"", request->number, quoted);
}

/* The process is about to end. Any thread may call this. */
static void tell_death(const char *text)
{
	char quoted[LONGEST_LINE / 2];

	quote(quoted, sizeof(quoted), text);
	control_say("failed text=\"%s\"", quoted);
}

/* ---- what is asked ---- */

unsigned long control_number(const struct request *request, const char *name, unsigned long usual)
{
	size_t length = strlen(name);

	for (const char *word = request->arguments; word && *word;
	     word = strchr(word, ' ') ? strchr(word, ' ') + 1 : NULL)
		if (!strncmp(word, name, length) && word[length] == '=')
			return strtoul(word + length + 1, NULL, 10);
	return usual;
}

static void quit(struct machine *machine, struct request *request)
{
	quits = true;
	control_ok(request, "%s", "");
}

static const struct {
	const char *word;
	/* Carries out the request, and replies. The vCPUs run or stand still (director.h). */
	void (*carry_out)(struct machine *machine, struct request *request);
} requests[] = {
	{ "pause", action_pause }, { "cycle", action_cycle }, { "reset", action_reset },
	{ "carry", action_carry }, { "save", action_save },   { "go", action_go },
	{ "quit", quit },
};

static void carry_out(struct machine *machine, char *line)
{
	struct request request = { .file = pending_file, .arguments = "" };
	char *space = strchr(line, ' ');

	pending_file = -1;
	request.number = line;
	request.word = "";
	if (space) {
		*space = '\0';
		request.word = space + 1;
		space = strchr(request.word, ' ');
	}
	if (space) {
		*space = '\0';
		request.arguments = space + 1;
	}
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (!strcmp(requests[i].word, request.word)) {
			requests[i].carry_out(machine, &request);
			if (request.file >= 0)
				close(request.file);
			return;
		}
	control_error(&request, "ferry-vmm does not know the request '%s'", request.word);
	if (request.file >= 0)
		close(request.file);
}

/* Reads what has come. Returns what recvmsg(2) does. */
static ssize_t receive(void)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec buffer = { pending + pending_length, sizeof(pending) - pending_length };
	struct msghdr message = {
		.msg_iov = &buffer,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t length = recvmsg(channel, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *header = length > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(&pending_file, CMSG_DATA(header), sizeof(pending_file));
	return length;
}

bool control_serve(struct machine *machine)
{
	ssize_t length = receive();
	char *newline;

	if (length < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (length <= 0 || pending_length + length == sizeof(pending))
		return false; /* the runner is gone, or its line is too long */
	pending_length += length;
	while (!quits && (newline = memchr(pending, '\n', pending_length))) {
		size_t used = newline + 1 - pending;

		*newline = '\0';
		carry_out(machine, pending);
		pending_length -= used;
		memmove(pending, pending + used, pending_length);
	}
	return !quits;
}

/* ---- begin and end ---- */

/*
 * Whether the guest's clocks go on while a cycle stops the guest. They do if KVM takes a vCPU's TSC
 * offset, and the VM's clock together with the real time of that moment (KVM API documentation,
 * 4.29 and KVM_VCPU_TSC_CTRL).
 */
static bool clocks_run(const struct vm *vm)
{
	struct kvm_device_attr attribute = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
	};

	return kvm_try(vm->cpu[0].fd, KVM_HAS_DEVICE_ATTR, &attribute) == 0 &&
	       kvm_has(vm->fd, KVM_CAP_ADJUST_CLOCK) & KVM_CLOCK_REALTIME;
}

int control_fd(void)
{
	return channel;
}

void control_open(struct machine *machine, int fd)
{
	if (fd < 0)
		return;
	channel = fd;
	message_tell_deaths(tell_death);
	control_say("hello protocol=%d version=%d clocks=%s", PROTOCOL, VERSION,
		    clocks_run(machine->vm) ? "run" : "stop");
}

void control_close(struct machine *machine)
{
	char met[COVERAGE_LENGTH];

	coverage_write(met, sizeof(met));
	control_say("figures cycles=%llu stopped_ns=%llu%s",
		    (unsigned long long)machine->figures.cycles,
		    (unsigned long long)machine->figures.stopped_ns, met);
}
