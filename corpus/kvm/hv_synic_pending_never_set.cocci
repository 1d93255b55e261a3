// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a message that finds its slot busy does not set message_pending
// Noticed by: a guest that follows the TLFS writes no EOM, and waits for the lost message forever
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_stimer/none
// Test: busy_slot

@@
expression header;
@@
- header.message_flags.msg_pending = 1;
