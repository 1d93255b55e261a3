# timers.c measures how late a timer may be after an action.
hyperv_stimer_links := x86/timers/timers.c
