// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ahci: a disk's SMART feature set that the guest has disabled (ATA8-ACS, 4.19 "Self-Monitoring,
 * Analysis, and Reporting Technology (SMART) feature set" and 7.53 "SMART"). A part of the program
 * ahci: see ahci.c.
 *
 * A disk whose SMART is disabled aborts each SMART command but the one that enables it. A broken
 * VMM enables it in a migration. The test disables it, asks for an action, and sees a command that
 * is carried out. It cannot tell whether the disk has forgotten the setting or does not follow it.
 */
#include "deadline.h"
#include "io.h"
#include "migrate.h"
#include "report.h"
#include "x86/ahci/ahci.h"

#define ATA_SMART	    0xb0
#define SMART_ENABLE	    0xd8
#define SMART_DISABLE	    0xd9
#define SMART_RETURN_STATUS 0xda
#define SMART_LBA	    0xc24f00 /* without it no SMART command is carried out */

/* PxIS: the drive has sent its registers, or has reported an error. */
#define IS_REGISTERS BIT(0)
#define IS_ERROR     BIT(30)

enum outcome { CARRIED_OUT, ABORTED, NOT_ENDED };

static const char *const outcomes[] = { "carried out", "aborted", "never ended" };

/* A port stops at a command that was aborted, so it is started anew for each. */
static enum outcome smart(u8 subcommand)
{
	const struct command command = { .code = ATA_SMART,
					 .features = subcommand,
					 .lba = SMART_LBA };
	enum outcome outcome = NOT_ENDED;

	if (!start_port())
		return NOT_ENDED;
	issue(0, &command);
	if (wait_until(read_reg(PORT_IS) & (IS_REGISTERS | IS_ERROR), END_MS))
		outcome = read_reg(PORT_TFD) & TFD_ERROR ? ABORTED : CARRIED_OUT;
	end_port();
	return outcome;
}

static void check_smart(bool enabled)
{
	const enum outcome wanted = enabled ? CARRIED_OUT : ABORTED;
	const enum outcome outcome = smart(SMART_RETURN_STATUS);

	report(outcome == wanted,
	       "SMART was %s before an action, and SMART RETURN STATUS is %s after it, not %s",
	       enabled ? "enabled" : "disabled", outcomes[outcome], outcomes[wanted]);
}

TEST(smart_settings, .needs = AHCI,
     .about = "a disk whose SMART feature set is disabled or enabled stays so over an action")
{
	/* The setting survives a reset, so an earlier boot may have disabled it. */
	if (smart(SMART_ENABLE) != CARRIED_OUT || smart(SMART_DISABLE) != CARRIED_OUT) {
		report_skip("the drive's SMART cannot be enabled and disabled");
		return;
	}
	migrate_quiet();
	check_smart(false);
	report(smart(SMART_ENABLE) == CARRIED_OUT, "SMART is enabled again");
	migrate_quiet();
	check_smart(true);
}
