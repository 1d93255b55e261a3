/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the program hyperv_synic share: the device at the other end of SynIC
 * connections, and what has come to this CPU. See also the head of hyperv_synic.c.
 */
#ifndef HYPERV_SYNIC_H
#define HYPERV_SYNIC_H

#include "libcflat.h"
#include "hyperv.h"
#include "percpu.h"

#define TESTDEV ALL_OF(HV_SYNIC, HV_TIME_REF_COUNT, HV_VP_INDEX, HV_TESTDEV)
#define TALK	ALL_OF(HV_SYNIC, HV_HYPERCALL, HV_VP_INDEX, HV_TESTDEV)

/* The VP index of the CPU that runs the test, for the device. */
extern u8 vp_index;

/* Turns all SynICs on, and opens the device. The host leaves the guest alone until the end. */
void device_begin(void);
void device_end(void);

/* How many interrupts of this vector this CPU got since hv_synic_forget(). */
u32 on_vector(u8 vector);
/* Lets time pass in which nothing may come. */
void linger(void);

/*
 * Makes the device raise a SINT of this CPU. True if that made COUNT interrupts of VECTOR on this
 * CPU, and no other interrupt on any CPU. report_raise() fails the test if not.
 */
bool raise(int sint, u8 vector, u32 count);
bool report_raise(int sint, u8 vector, u32 count, const char *what);

#endif
