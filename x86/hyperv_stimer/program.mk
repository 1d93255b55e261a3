# How long a timer may be late after an action is measured as for other timers.
hyperv_stimer_links := x86/timers/timers.c
