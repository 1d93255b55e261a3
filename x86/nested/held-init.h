/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An INIT that is sent to a CPU which holds it back: between CLGI and STGI (AMD APM volume
 * 2, 15.17, "Global Interrupt Flag, STGI and CLGI Instructions"), or in VMX root operation (Intel
 * SDM volume 3, 24.8, "Restrictions on VMX Operation").
 *
 * A broken hypervisor forgets the INIT in an action, so that the CPU goes on for good. Or it lets
 * the INIT in at once, or does not look for it when the CPU no longer holds it back. The check does
 * not see an INIT that comes a little later than it should.
 */
#ifndef HELD_INIT_H
#define HELD_INIT_H

struct init_holder {
	void (*hold)(void);
	void (*release)(void);
	const char *where, *until; /* "with GIF clear", "STGI" */
};

/* For a test on the boot CPU of two or more. The last CPU holds an INIT back over an action. */
void check_held_init(const struct init_holder *holder);

#endif
