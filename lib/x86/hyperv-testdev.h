/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's `-device hyperv-testdev` (hw/hyperv/hyperv_testdev.c), which is the other end of SynIC
 * connections. A message that a guest posts to one of its message connections comes back in the
 * message slot for which the connection was made. An event that it signals to an event connection
 * comes back as the event flag with the connection's number.
 *
 * The device does not check the guest's commands. QEMU ends if one is wrong, for example if a
 * connection does not exist or an event is for a SynIC that is off. QEMU does not migrate the
 * device's connections. So a connection may exist only between hv_testdev_begin() and
 * hv_testdev_end(). The runner begins no action in between, since the guest has asked a question
 * and not said that it has read the answer (docs/protocol.md, "Questions"). migrate() and
 * host_time() must not be called in between.
 */
#ifndef X86_HYPERV_TESTDEV_H
#define X86_HYPERV_TESTDEV_H

#include "libcflat.h"

DECLARE_FEATURE(HV_TESTDEV);

void hv_testdev_begin(void);
void hv_testdev_end(void);

/* A route to SINT `sint` of the CPU with this VP index. hv_testdev_route_set() raises the SINT. */
void hv_testdev_route_create(u8 vp_index, u8 sint);
void hv_testdev_route_destroy(u8 vp_index, u8 sint);
void hv_testdev_route_set(u8 vp_index, u8 sint);

/* The guest chooses the number of the connection, which must not exist yet. */
void hv_testdev_message_create(u8 vp_index, u8 sint, u8 connection);
void hv_testdev_message_destroy(u8 connection);
void hv_testdev_event_create(u8 vp_index, u8 sint, u8 connection);
void hv_testdev_event_destroy(u8 connection);

#endif
