// SPDX-License-Identifier: GPL-2.0-or-later
/* The driver of QEMU's hyperv-testdev. See hyperv-testdev.h. */
#include "hyperv-testdev.h"
#include "console.h"
#include "io.h"

#define TESTDEV_PORT 0x3000

enum command {
	SINT_ROUTE_CREATE = 1,
	SINT_ROUTE_DESTROY,
	SINT_ROUTE_SET_SINT,
	MSG_CONN_CREATE,
	MSG_CONN_DESTROY,
	EVT_CONN_CREATE,
	EVT_CONN_DESTROY,
};

FEATURE(HV_TESTDEV, "QEMU's -device hyperv-testdev (I/O port 0x3000)")
{
	return inl(TESTDEV_PORT) == 0;
}

static u64 unread_answer;

void hv_testdev_begin(void)
{
	if (!host_answers())
		return;
	host_lock();
	unread_answer = machine_line("ask", "what=time");
	while (host_byte(NULL, "the host's answer") != '\n')
		;
}

void hv_testdev_end(void)
{
	if (!host_answers())
		return;
	machine_line("got", "answer=%lu", unread_answer);
	host_unlock();
}

static void command(enum command what, u8 vp_index, u8 sint, u8 connection)
{
	outl((u32)connection << 24 | what << 16 | vp_index << 8 | sint, TESTDEV_PORT);
}

void hv_testdev_route_create(u8 vp_index, u8 sint)
{
	command(SINT_ROUTE_CREATE, vp_index, sint, 0);
}

void hv_testdev_route_destroy(u8 vp_index, u8 sint)
{
	command(SINT_ROUTE_DESTROY, vp_index, sint, 0);
}

void hv_testdev_route_set(u8 vp_index, u8 sint)
{
	command(SINT_ROUTE_SET_SINT, vp_index, sint, 0);
}

void hv_testdev_message_create(u8 vp_index, u8 sint, u8 connection)
{
	command(MSG_CONN_CREATE, vp_index, sint, connection);
}

void hv_testdev_message_destroy(u8 connection)
{
	command(MSG_CONN_DESTROY, 0, 0, connection);
}

void hv_testdev_event_create(u8 vp_index, u8 sint, u8 connection)
{
	command(EVT_CONN_CREATE, vp_index, sint, connection);
}

void hv_testdev_event_destroy(u8 connection)
{
	command(EVT_CONN_DESTROY, 0, 0, connection);
}
