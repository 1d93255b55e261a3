# SPDX-License-Identifier: GPL-2.0-or-later
vmx_time_links := x86/nested/time.c x86/nested/time-clock.c x86/nested/time-trips.c
