/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's `-device hyperv-testdev` (hw/hyperv/hyperv_testdev.c): the other end of SynIC
 * connections. What a guest posts to one of its message connections comes back in the
 * message slot that the connection was made for; what it signals to an event connection
 * comes back as the event flag of the connection's number.
 *
 * The device believes everything it is told, and ends QEMU if that is wrong: a
 * connection that does not exist, an event for a SynIC that is off. Nor does it move
 * with the guest. So a connection lives only between hv_testdev_begin() and _end(),
 * during which the runner does not move the guest: it has sent an answer that the guest
 * has not said to have read (docs/protocol.md, "Questions"). No migrate() and no
 * host_time() in between.
 */
#ifndef X86_HYPERV_TESTDEV_H
#define X86_HYPERV_TESTDEV_H

#include "libcflat.h"

DECLARE_FEATURE(HV_TESTDEV);

void hv_testdev_begin(void);
void hv_testdev_end(void);

/* SINT `sint` of the CPU with this VP index, to be raised by _set. */
void hv_testdev_route_create(u8 vp_index, u8 sint);
void hv_testdev_route_destroy(u8 vp_index, u8 sint);
void hv_testdev_route_set(u8 vp_index, u8 sint);

/* Connections are numbered by the guest; no number twice. */
void hv_testdev_message_create(u8 vp_index, u8 sint, u8 connection);
void hv_testdev_message_destroy(u8 connection);
void hv_testdev_event_create(u8 vp_index, u8 sint, u8 connection);
void hv_testdev_event_destroy(u8 connection);

#endif
