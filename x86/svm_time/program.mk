# SPDX-License-Identifier: GPL-2.0-or-later
svm_time_links := x86/nested/time.c x86/nested/time-clock.c x86/nested/time-trips.c
