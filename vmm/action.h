/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Actions on the guest that the runner requests. Each function carries out a request (control.h)
 * and replies to it. The director calls them.
 */
#ifndef VMM_ACTION_H
#define VMM_ACTION_H

struct machine;
struct request;

/* `pause us=N`: the vCPUs stand still for so long. */
void action_pause(struct machine *machine, struct request *request);
/* `cycle count=N`: N cycles, here and now. */
void action_cycle(struct machine *machine, struct request *request);
/* `reset`: resets the machine, alternately in its present VM and in a new one. */
void action_reset(struct machine *machine, struct request *request);
/* `carry`: the guest is migrated within this process (carry.h). The reply comes when it is done. */
void action_carry(struct machine *machine, struct request *request);

#endif
